//! The model: what is known of each class, and what it says about a row.

use lapwing::load::Rows;
use lapwing::math::{exp, ln};
use lapwing::model::Model;
use lapwing::{Prediction, Result, wire};

/// The classes in the order of their labels, and for each of them its parameters of every column, class after class: either
/// logarithms of shares (multinomial) or means and variances (Gaussian); the others are empty.
#[wire]
#[derive(Default)]
pub(crate) struct Classes {
    pub(crate) columns: u32,
    pub(crate) labels: Vec<f32>,
    pub(crate) counts: Vec<f64>,
    pub(crate) log_priors: Vec<f64>,
    pub(crate) log_shares: Vec<f64>,
    pub(crate) means: Vec<f64>,
    pub(crate) variances: Vec<f64>,
}

impl Classes {
    /// For every row the most probable class.
    pub(crate) fn judge(&self, data: &Rows) -> Vec<Prediction> {
        let width = self.columns as usize;
        // What a class says before it has seen any column.
        let starts: Vec<f64> = (0..self.labels.len())
            .map(|class| {
                let variances = self.variances.get(class * width..(class + 1) * width).unwrap_or_default();
                self.log_priors[class]
                    - 0.5 * variances.iter().map(|variance| ln(TWO_PI * variance)).sum::<f64>()
            })
            .collect();
        let (mut full, mut logs) = (vec![0.0f32; width], vec![0.0; starts.len()]);
        let mut predictions = Vec::new();
        data.for_each(|(label, columns, values)| {
            columns.iter().zip(values).for_each(|(&column, &value)| full[column as usize] = value);
            for (class, log) in logs.iter_mut().enumerate() {
                let own = class * width..(class + 1) * width;
                *log = starts[class]
                    + match self.log_shares.get(own.clone()) {
                        Some(shares) => {
                            columns.iter().zip(values).map(|(&c, &v)| f64::from(v) * shares[c as usize]).sum()
                        }
                        None => -0.5 * distance(&full, &self.means[own.clone()], &self.variances[own]),
                    };
            }
            columns.iter().for_each(|&column| full[column as usize] = 0.0);
            predictions.push(self.prediction(label, &logs));
        });
        predictions
    }

    /// From the logarithms of joint probabilities.
    fn prediction(&self, label: f32, logs: &[f64]) -> Prediction {
        let best = (0..logs.len()).max_by(|&a, &b| logs[a].total_cmp(&logs[b]).then(b.cmp(&a)));
        let best = best.expect("without classes nothing is predicted");
        let total = logs[best] + ln(logs.iter().map(|log| exp(log - logs[best])).sum());
        let own = self.labels.iter().position(|&class| class == label);
        // Of two classes the second is the positive one.
        let score = if let [first, second] = logs { second - first } else { f64::from(self.labels[best]) };
        Prediction {
            value: self.labels[best],
            score: score as f32,
            label,
            correct: Some(self.labels[best] == label),
            loss: own.map_or(f64::INFINITY, |own| total - logs[own]),
        }
    }

    pub(crate) fn to_model(&self) -> Model {
        let shape = [self.labels.len() as u64, u64::from(self.columns)];
        let labels = self.labels.iter().copied().map(f64::from).collect();
        let model = Model::default()
            .f64s("classes_", &shape[..1], labels, "label of each class")
            .f64s("class_count_", &shape[..1], self.counts.clone(), "rows of each class")
            .f64s(
                "class_log_prior_",
                &shape[..1],
                self.log_priors.clone(),
                "logarithm of its share of the rows",
            );
        if self.log_shares.is_empty() {
            model.f64s("theta_", &shape, self.means.clone(), "mean of each column in each class").f64s(
                "var_",
                &shape,
                self.variances.clone(),
                "variance of each column in each class",
            )
        } else {
            let meaning = "logarithm of each column's share in each class";
            model.f64s("feature_log_prob_", &shape, self.log_shares.clone(), meaning)
        }
    }

    pub(crate) fn of_model(model: &Model) -> Result<Self> {
        let numbers = |name| model.get_f64(name).map(<[f64]>::to_vec);
        let labels: Vec<f32> = numbers("classes_")?.iter().map(|&label| label as f32).collect();
        let (mut log_shares, mut means, mut variances) = (Vec::new(), Vec::new(), Vec::new());
        if model.arrays.contains_key("feature_log_prob_") {
            log_shares = numbers("feature_log_prob_")?;
        } else {
            (means, variances) = (numbers("theta_")?, numbers("var_")?);
        }
        let columns = log_shares.len().max(means.len()) / labels.len().max(1);
        let (counts, log_priors) = (numbers("class_count_")?, numbers("class_log_prior_")?);
        let fits = |array: &[f64]| array.is_empty() || array.len() == columns * labels.len();
        if columns == 0
            || log_priors.len() != labels.len()
            || ![&log_shares, &means, &variances].iter().all(|array| fits(array))
        {
            return Err("the model's arrays do not fit each other".into());
        }
        Ok(Self { columns: columns as u32, labels, counts, log_priors, log_shares, means, variances })
    }
}

const TWO_PI: f64 = 2.0 * std::f64::consts::PI;

/// The squared distance from the mean, each column in units of its variance.
fn distance(row: &[f32], means: &[f64], variances: &[f64]) -> f64 {
    let squares = row.iter().zip(means).zip(variances).map(|((&value, mean), variance)| {
        let difference = f64::from(value) - mean;
        difference * difference / variance
    });
    squares.sum()
}
