//! Rounds that nothing disturbs.

use super::*;

fn round(bench: &mut Bench, round: Round) {
    let merge = |index| vec![Command::Merge(node(1, index))];
    assert_eq!(bench.update(seat(1, 0), round, node(1, 1)), merge(1));
    let last = bench.update(seat(0, 0), round, node(1, 0));
    assert_eq!(last, [Command::Merge(node(1, 0)), step(round, 4)]);
}

fn broadcast(round: Round) -> Command {
    Command::Broadcast(round, vec![(seat(0, 0), vec![node(1, 0)]), (seat(1, 0), vec![node(1, 1)])])
}

#[test]
fn passes_follow_each_other_then_a_look_at_the_final_state_then_the_model() {
    let mut bench = Bench::in_pass_1(rules());
    for pass in 1..3 {
        round(&mut bench, train(pass));
        assert_eq!(bench.give(stepped(false)), [broadcast(train(pass + 1))]);
    }
    round(&mut bench, train(3));
    assert_eq!(bench.give(stepped(false)), [broadcast(look(4))], "three passes were asked for");
    round(&mut bench, look(4));
    assert_eq!(bench.give(stepped(true)), [Command::Write]);
    assert_eq!(bench.give(Event::Written), [Command::End(End::Done)]);
}

#[test]
fn an_algorithm_that_is_done_gets_no_further_pass() {
    let mut bench = Bench::in_pass_1(rules());
    round(&mut bench, train(1));
    assert_eq!(bench.give(stepped(true)), [broadcast(look(2))]);
}

#[test]
fn without_an_objective_nobody_looks_at_the_final_state() {
    let mut bench = Bench::in_pass_1(rules());
    round(&mut bench, train(1));
    assert_eq!(bench.give(Event::Stepped { done: true, objective: false }), [Command::Write]);
}

#[test]
fn a_worker_owes_the_fewest_nodes_that_cover_its_splits() {
    let seats = vec![0..3, 3..7];
    let mut bench = Bench::in_pass_1(Rules { seats, ..rules() });
    let nodes = [(0, node(1, 0)), (1, node(0, 3)), (0, node(0, 2))];
    for (worker, node) in nodes {
        assert_eq!(bench.update(seat(worker, 0), train(1), node), [Command::Merge(node)]);
    }
    let last = bench.update(seat(1, 0), train(1), node(2, 1));
    assert_eq!(last, [Command::Merge(node(2, 1)), step(train(1), 7)]);
}

#[test]
fn an_error_of_the_users_ends_the_job_and_names_the_split() {
    let mut bench = Bench::in_pass_1(rules());
    let failed = Event::Failed(seat(1, 0), Fault::User, Some(3), "no luck".to_owned());
    let end = End::User("the algorithm failed in split 3: no luck".to_owned());
    assert_eq!(bench.give(failed), [Command::End(end)]);
    let mut bench = Bench::in_pass_1(rules());
    let failed = Event::UserFailed("the algorithm failed in step: no luck".to_owned());
    let end = End::User("the algorithm failed in step: no luck".to_owned());
    assert_eq!(bench.give(failed), [Command::End(end)]);
}
