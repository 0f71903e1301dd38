//! The result of a job as arrays by name, ready for a file that other tools open.

use std::collections::BTreeMap;

/// Arrays by name: scikit-learn's names where it has the thing (`coef_`, `intercept_`, `cluster_centers_`).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The arrays.
    pub arrays: BTreeMap<String, Array>,
}

/// One array, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Lengths of the dimensions; none for a single number.
    pub shape: Vec<u64>,
    /// The numbers, `shape`'s product of them.
    pub values: Values,
    /// What it is, in a few words, for `model.json`.
    pub meaning: String,
}

/// The numbers of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Bytes.
    U8(Vec<u8>),
}

impl Model {
    /// Adds an array of 32-bit floats.
    #[must_use]
    pub fn f32s(self, name: &str, shape: &[u64], values: Vec<f32>, meaning: &str) -> Self {
        self.with(name, shape, Values::F32(values), meaning)
    }

    /// Adds an array of 64-bit floats.
    #[must_use]
    pub fn f64s(self, name: &str, shape: &[u64], values: Vec<f64>, meaning: &str) -> Self {
        self.with(name, shape, Values::F64(values), meaning)
    }

    /// Adds an array of 64-bit integers.
    #[must_use]
    pub fn i64s(self, name: &str, shape: &[u64], values: Vec<i64>, meaning: &str) -> Self {
        self.with(name, shape, Values::I64(values), meaning)
    }

    /// Adds any array.
    #[must_use]
    pub fn with(mut self, name: &str, shape: &[u64], values: Values, meaning: &str) -> Self {
        let array = Array { shape: shape.to_vec(), values, meaning: meaning.to_owned() };
        self.arrays.insert(name.to_owned(), array);
        self
    }

    /// The 32-bit floats of an array, or a sentence that says what is there instead.
    pub fn get_f32(&self, name: &str) -> Result<&[f32], String> {
        match self.get(name)? {
            Values::F32(values) => Ok(values),
            _ => Err(format!("the model's array {name} does not hold 32-bit floats")),
        }
    }

    /// The 64-bit floats of an array, or a sentence that says what is there instead.
    pub fn get_f64(&self, name: &str) -> Result<&[f64], String> {
        match self.get(name)? {
            Values::F64(values) => Ok(values),
            _ => Err(format!("the model's array {name} does not hold 64-bit floats")),
        }
    }

    /// The integers of an array, or a sentence that says what is there instead.
    pub fn get_i64(&self, name: &str) -> Result<&[i64], String> {
        match self.get(name)? {
            Values::I64(values) => Ok(values),
            _ => Err(format!("the model's array {name} does not hold integers")),
        }
    }

    fn get(&self, name: &str) -> Result<&Values, String> {
        match self.arrays.get(name) {
            Some(array) => Ok(&array.values),
            None => {
                let names: Vec<_> = self.arrays.keys().map(String::as_str).collect();
                Err(format!("the model has no array {name}, only {}", names.join(", ")))
            }
        }
    }
}
/// The model of one point of a sweep.
#[derive(Debug, Clone)]
pub struct PointModel {
    /// The point's name, such as `rate=0.1,l2=0.001`.
    pub name: String,
    /// The algorithm's arguments there.
    pub arguments: BTreeMap<String, String>,
    /// The model.
    pub model: Model,
}
