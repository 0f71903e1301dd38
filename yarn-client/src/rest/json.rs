//! Lenient reading of the ResourceManager's JSON.
//!
//! It is made from XML: numbers come as texts here and there, a list of one comes as the one, an empty list as `null`,
//! as `{}` or not at all. So fields are asked for by name, and each reader takes all spellings.

use serde_json::Value;

/// A JSON object (or nothing: then all its fields are missing).
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Value);

impl<'a> Fields<'a> {
    /// The object in a field.
    pub(super) fn of(self, name: &str) -> Fields<'a> {
        Fields(self.0.get(name).unwrap_or(&Value::Null))
    }

    /// A text; a missing one is empty.
    pub(super) fn text(self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => String::new(),
        }
    }

    /// A text; `None` if it is missing, empty, or one of the words that stand for nothing in Hadoop.
    pub(super) fn text_or_none(self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !matches!(text.as_str(), "" | "N/A" | "null"))
    }

    /// A whole number.
    pub(super) fn integer(self, name: &str) -> Option<i64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A whole number that counts something: missing and negative ones are 0 (YARN says -1 for "not known").
    pub(super) fn count(self, name: &str) -> u64 {
        self.integer(name).and_then(|number| u64::try_from(number).ok()).unwrap_or(0)
    }

    /// A number, possibly with a fraction.
    pub(super) fn number(self, name: &str) -> Option<f64> {
        let number = match self.0.get(name)? {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite())
    }

    /// The objects of a list.
    pub(super) fn list(self, name: &str) -> impl Iterator<Item = Fields<'a>> {
        let one_or_more = match self.0.get(name) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        };
        one_or_more.iter().map(Fields)
    }

    pub(super) fn is_missing(self) -> bool {
        self.0.is_null()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_spelling_is_taken() {
        let value = json!({"n": "4", "m": 4, "f": 4.0, "x": "NaN", "neg": -1, "t": "a", "none": "N/A",
            "one": {"k": 1}, "two": [{"k": 1}, {"k": 2}], "null": null, "empty": {}});
        let fields = Fields(&value);
        assert_eq!(
            (fields.integer("n"), fields.integer("m"), fields.integer("f")),
            (Some(4), Some(4), Some(4))
        );
        assert_eq!((fields.number("n"), fields.number("x"), fields.number("null")), (Some(4.0), None, None));
        assert_eq!((fields.count("neg"), fields.count("t"), fields.count("missing")), (0, 0, 0));
        assert_eq!((fields.text_or_none("none"), fields.text("m")), (None, "4".into()));
        assert_eq!((fields.list("one").count(), fields.list("two").count()), (1, 2));
        assert_eq!((fields.list("null").count(), fields.list("missing").count()), (0, 0));
        assert!(fields.of("null").of("deeper").is_missing() && !fields.of("empty").is_missing());
    }
}
