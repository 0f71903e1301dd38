//! Poisson regression by gradient descent.

use std::process::ExitCode;

use lapwing::load::SparseRows;
use lapwing::math::{add_scaled, dot, exp};
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, Step, Summary, clap};

#[derive(clap::Args)]
struct Poisson {
    /// Step size
    #[arg(long, default_value_t = 0.05)]
    rate: f32,
}

impl Algorithm for Poisson {
    type Data = SparseRows; // rows of label and numbers: one split in memory
    type Local = (); // no scratch
    type State = Vec<f32>; // the weights: broadcast at every pass
    type Update = (Vec<f32>, f64); // a split's reply: gradient and loss
    type Memory = (); // nothing but the state lasts from pass to pass

    fn init(&self, summary: &Summary) -> Result<Vec<f32>> {
        Ok(vec![0.0; summary.columns as usize])
    }

    fn pass(&self, data: &SparseRows, _: &mut (), weights: &Vec<f32>, _: &At) -> Result<(Vec<f32>, f64)> {
        let (mut gradient, mut loss) = (vec![0.0; weights.len()], 0.0);
        for (count, columns, values) in data.iter() {
            let score = f64::from(dot(columns, values, weights));
            let mean = exp(score);
            add_scaled(columns, values, (mean - f64::from(count)) as f32, &mut gradient);
            loss += mean - f64::from(count) * score;
        }
        Ok((gradient, loss))
    }

    fn merge(&self, into: &mut (Vec<f32>, f64), other: (Vec<f32>, f64)) {
        into.0.iter_mut().zip(&other.0).for_each(|(sum, value)| *sum += value);
        into.1 += other.1;
    }

    fn step(
        &self,
        mut weights: Vec<f32>,
        (gradient, loss): (Vec<f32>, f64),
        _: &mut (),
        pass: &Pass,
    ) -> Result<Step<Vec<f32>>> {
        let rows = pass.rows_covered as f32;
        weights.iter_mut().zip(&gradient).for_each(|(weight, slope)| *weight -= self.rate / rows * slope);
        Ok(Step { state: weights, objective: loss / f64::from(rows), done: false })
    }

    fn model(&self, weights: &Vec<f32>, _: &Summary) -> Result<Model> {
        Ok(Model::default().f32s("coef_", &[weights.len() as u64], weights.clone(), "weight of each column"))
    }

    fn restore(&self, model: &Model) -> Result<Vec<f32>> {
        Ok(model.get_f32("coef_")?.to_vec())
    }

    fn predict(&self, data: &SparseRows, weights: &Vec<f32>) -> Result<Vec<Prediction>> {
        let predict = |(count, columns, values): (f32, &[u32], &[f32])| {
            let known = columns.partition_point(|&column| (column as usize) < weights.len());
            let score = f64::from(dot(&columns[..known], &values[..known], weights));
            let (mean, loss) = (exp(score), exp(score) - f64::from(count) * score);
            Prediction { value: mean as f32, score: mean as f32, label: count, correct: None, loss }
        };
        Ok(data.iter().map(predict).collect())
    }
}

fn main() -> ExitCode {
    lapwing::main::<Poisson>()
}
