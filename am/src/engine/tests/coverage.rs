//! `--min-coverage`: rather no model than one from a scrap of the data.

use super::*;

fn rules_with(min_coverage: f64, on_loss: OnLoss) -> Rules {
    Rules { min_coverage, on_loss, ..rules() }
}

#[test]
fn a_pass_that_covers_less_ends_the_job() {
    let mut bench = Bench::in_pass_1(rules_with(0.75, OnLoss::Ignore));
    bench.update(seat(0, 0), train(1), node(1, 0));
    let text = "pass 1 covered 50.0% of the rows, --min-coverage asks for 75%";
    assert_eq!(bench.lose(seat(1, 0)).last(), Some(&Command::End(End::WorkersLost(text.to_owned()))));
}

#[test]
fn a_pass_that_covers_just_as_much_does_not() {
    let mut bench = Bench::in_pass_1(rules_with(0.5, OnLoss::Ignore));
    bench.update(seat(0, 0), train(1), node(1, 0));
    assert_eq!(bench.lose(seat(1, 0)).last(), Some(&step(train(1), 2)));
}

#[test]
fn updates_of_an_earlier_pass_cover_nothing() {
    let mut bench = Bench::in_pass_1(rules_with(0.75, OnLoss::Approximate));
    for worker in 0..2 {
        bench.update(seat(worker, 0), train(1), node(1, worker));
    }
    bench.give(stepped(false));
    bench.update(seat(0, 0), train(2), node(1, 0));
    let text = "pass 2 covered 50.0% of the rows, --min-coverage asks for 75%";
    assert_eq!(bench.lose(seat(1, 0)).last(), Some(&Command::End(End::WorkersLost(text.to_owned()))));
}

#[test]
fn under_restart_all_is_covered() {
    let mut bench = Bench::in_pass_1(rules_with(1.0, OnLoss::Restart));
    bench.update(seat(0, 0), train(1), node(1, 0));
    bench.lose(seat(1, 0));
    bench.arrive(seat(1, 1), 2..4);
    assert_eq!(bench.update(seat(1, 1), train(1), node(1, 1)).last(), Some(&step(train(1), 4)));
}
