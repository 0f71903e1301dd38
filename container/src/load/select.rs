//! Which columns of a table are features and which is the label: for formats whose columns have names or numbers.
//!
//! Columns are called by name, where there are names, or by number, counted from 1 as in LibSVM; a name comes first. `a-d` are
//! the columns from one to the other, in the order of the file. Without `--features` all columns but the label's are. The label
//! is the column named `label`, unless `--label` says otherwise; `--label none` gives every row the label 0.
//!
//! Directories named `key=value`, as Hive and Spark write partitions, give each file below them one more column, whose number is
//! the same in all its rows. It is used only if it is asked for, by its name; a column in the file of that name comes first.

use std::collections::BTreeMap;

use crate::load::{LoadOptions, Missing};

/// The columns of one file as it has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// How many columns are in the file itself.
    count: usize,
    /// Their names, if it says them; then as many as `count`.
    names: Vec<String>,
    /// Names and values from the path.
    partitions: Vec<(String, String)>,
    /// The column of each name; none if it is not the only one in the file.
    by_name: BTreeMap<String, Option<usize>>,
}

/// What becomes of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Nothing.
    Ignored,
    /// The label of its row.
    Label,
    /// The feature of this number, from 0.
    Feature(usize),
}

/// The columns that are wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection {
    /// The role of each of the file's own columns.
    pub(crate) roles: Vec<Role>,
    /// Numbers that all rows of the file share, from its path.
    pub(crate) shared: Vec<(Role, f32)>,
    /// How many features there are.
    pub(crate) features: usize,
}

impl Selection {
    /// All files have the same number of features.
    pub(crate) fn check_width(&self, options: &LoadOptions) -> Result<(), String> {
        match options.columns {
            Some(columns) if columns as usize != self.features => Err(format!(
                "expected {columns} features, as --columns or the first file says, found {}",
                self.features
            )),
            _ => Ok(()),
        }
    }

    /// A row's label and features before the file's own columns are in them.
    pub(crate) fn empty_row(&self) -> (f32, Vec<f32>) {
        let (mut label, mut features) = (0.0, vec![0.0; self.features]);
        for (role, number) in &self.shared {
            match role {
                Role::Feature(feature) => features[*feature] = *number,
                Role::Label => label = *number,
                Role::Ignored => {}
            }
        }
        (label, features)
    }
}

impl Table {
    /// With the partitions of a path.
    pub(crate) fn new(count: usize, names: Vec<String>, path: &str) -> Self {
        let partition = |part: &str| {
            let (key, value) = part.split_once('=')?;
            (!key.is_empty()).then(|| (unescaped(key), unescaped(value)))
        };
        let directories = path.rsplit_once('/').map_or("", |(directories, _)| directories);
        let partitions: Vec<_> = directories.split('/').filter_map(partition).collect();
        let mut by_name = BTreeMap::new();
        for (column, name) in names.iter().enumerate() {
            by_name.entry(name.clone()).and_modify(|column| *column = None).or_insert(Some(column));
        }
        for (number, (name, _)) in partitions.iter().enumerate() {
            by_name.entry(name.clone()).or_insert(Some(count + number));
        }
        Table { count, names, partitions, by_name }
    }

    /// The columns that these options want.
    pub(crate) fn select(&self, options: &LoadOptions) -> Result<Selection, String> {
        let mut roles = vec![Role::Ignored; self.count + self.partitions.len()];
        let label = self.label(options)?;
        if let Some(label) = label {
            roles[label] = Role::Label;
        }
        let wanted = self.wanted(options, label)?;
        for (number, &column) in wanted.iter().enumerate() {
            let name = self.called(column);
            match std::mem::replace(&mut roles[column], Role::Feature(number)) {
                Role::Ignored => {}
                Role::Label => {
                    return Err(format!("expected features beside the label, found {name} as both"));
                }
                Role::Feature(_) => return Err(format!("expected each feature once, found {name} twice")),
            }
        }
        if wanted.is_empty() {
            return Err("expected at least one feature, found none beside the label".into());
        }
        let of_path = roles.split_off(self.count).into_iter().zip(&self.partitions);
        let shared = of_path.filter(|(role, _)| *role != Role::Ignored).map(|(role, (key, value))| {
            let text = if value == "__HIVE_DEFAULT_PARTITION__" { "" } else { value.as_str() };
            match number(text.as_bytes(), role, options.missing) {
                Ok(number) => Ok((role, number)),
                Err(wrong) => Err(format!("the directory {key}={value}: {wrong}")),
            }
        });
        Ok(Selection { shared: shared.collect::<Result<_, _>>()?, roles, features: wanted.len() })
    }

    /// The options with what this file says where they leave it open, so that all files are read alike: the features by name
    /// (if each has one of its own), and their number.
    pub(crate) fn settle(&self, options: &LoadOptions) -> Result<LoadOptions, String> {
        let selection = self.select(options)?;
        selection.check_width(options)?;
        let name = |&column: &usize| {
            let name = self.name(column).filter(|name| !name.is_empty())?;
            (self.find(name) == Some(column)).then(|| name.to_owned())
        };
        let names: Option<Vec<_>> = self.wanted(options, self.label(options)?)?.iter().map(name).collect();
        let features = names.or_else(|| options.features.clone());
        Ok(LoadOptions { features, columns: Some(selection.features as u32), ..options.clone() })
    }

    /// A column as it may stand in a message.
    pub(crate) fn called(&self, column: usize) -> String {
        match self.name(column) {
            Some(name) => format!("{name:?}"),
            None => format!("column {}", column + 1),
        }
    }

    fn name(&self, column: usize) -> Option<&str> {
        let partition = || Some(&self.partitions.get(column.checked_sub(self.count)?)?.0);
        self.names.get(column).or_else(partition).map(String::as_str)
    }

    fn label(&self, options: &LoadOptions) -> Result<Option<usize>, String> {
        match options.label.as_deref() {
            Some(name) => match self.find(name) {
                Some(column) => Ok(Some(column)),
                None if name == "none" => Ok(None),
                None => Err(format!("expected a label column {name:?}, found {}", self.listed())),
            },
            None => match self.find("label") {
                Some(column) => Ok(Some(column)),
                None => Err(format!(
                    "expected a column named \"label\", found {}: say --label NAME, --label NUMBER or --label none",
                    self.listed()
                )),
            },
        }
    }

    /// The columns of the features, in their order.
    fn wanted(&self, options: &LoadOptions, label: Option<usize>) -> Result<Vec<usize>, String> {
        let Some(items) = &options.features else {
            return Ok((0..self.count).filter(|column| Some(*column) != label).collect());
        };
        let mut wanted = Vec::new();
        for item in items {
            wanted.extend(self.find_range(item)?);
        }
        Ok(wanted)
    }

    /// One column, or those from one to another: names may have a `-` themselves.
    fn find_range(&self, item: &str) -> Result<std::ops::RangeInclusive<usize>, String> {
        if let Some(column) = self.find(item) {
            return Ok(column..=column);
        }
        let ends = item
            .match_indices('-')
            .find_map(|(at, _)| Some((self.find(&item[..at])?, self.find(&item[at + 1..])?)));
        match ends {
            Some((from, to)) if from <= to => Ok(from..=to),
            Some(_) => Err(format!("expected a range of features in the order of the file, found {item:?}")),
            None => Err(format!("expected a feature column {item:?}, found {}", self.listed())),
        }
    }

    fn find(&self, name: &str) -> Option<usize> {
        match self.by_name.get(name) {
            Some(column) => *column,
            None => {
                name.parse().ok().filter(|number| (1..=self.count).contains(number)).map(|n: usize| n - 1)
            }
        }
    }

    /// What there is, for a message.
    fn listed(&self) -> String {
        const SHOWN: usize = 20;
        let count = self.count + self.partitions.len();
        let mut names: Vec<String> = (0..count)
            .take(SHOWN)
            .filter_map(|column| self.name(column))
            .map(|name| format!("{name:?}"))
            .collect();
        if names.is_empty() {
            return format!("{count} columns without names");
        }
        if count > SHOWN {
            names.push(format!("and {} more", count - SHOWN));
        }
        format!("the columns {}", names.join(", "))
    }
}

/// A field's number. The rule for missing ones is for features: a row without its label is bad input.
pub(crate) fn number(field: &[u8], role: Role, missing: Missing) -> Result<f32, String> {
    let field = field.trim_ascii();
    if is_missing(field) {
        return absent(role, missing).map_err(|wrong| format!("{wrong}, found {}", quoted(field)));
    }
    match std::str::from_utf8(field).ok().and_then(|text| text.parse::<f32>().ok()) {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) if field.iter().any(u8::is_ascii_digit) => {
            Err(format!("expected a number below 3.4028236e38, found {}", quoted(field)))
        }
        Some(_) => Err(format!("expected a finite number, found {}", quoted(field))),
        None => Err(format!("expected a number, found {}", quoted(field))),
    }
}

/// What stands for a number that is not there.
pub(crate) fn absent(role: Role, missing: Missing) -> Result<f32, String> {
    match (role, missing) {
        (Role::Label, _) => Err("expected a label in every row".into()),
        (_, Missing::Zero) => Ok(0.0),
        (_, Missing::Nan) => Ok(f32::NAN),
        (_, Missing::Error) => {
            Err("expected a number in every row (--missing zero or nan would take others)".into())
        }
    }
}

/// Nothing, or what pandas, R, Spark and Hive write for it.
fn is_missing(field: &[u8]) -> bool {
    matches!(field, b"" | b"NA" | b"NaN" | b"nan" | b"null" | b"NULL" | b"\\N")
}

/// A field as it may stand in a message: quoted, escaped, not too long.
pub(crate) fn quoted(field: &[u8]) -> String {
    const LONGEST: usize = 32;
    match field.len() {
        0 => "nothing".into(),
        1..=LONGEST => format!("{:?}", String::from_utf8_lossy(field)),
        _ => format!("{:?}…", String::from_utf8_lossy(&field[..LONGEST])),
    }
}

/// Hive and Spark write `%` and two hexadecimal digits for what a directory's name should not have.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Format;

    fn options(features: &str, label: &str) -> LoadOptions {
        LoadOptions {
            features: (!features.is_empty()).then(|| features.split(',').map(str::to_owned).collect()),
            label: (!label.is_empty()).then(|| label.to_owned()),
            ..LoadOptions::new(Format::Csv)
        }
    }

    fn table(path: &str) -> Table {
        let names = ["id", "sepal-length", "b", "c", "label"];
        Table::new(5, names.map(str::to_owned).to_vec(), path)
    }

    /// For each column of the file the feature's number, -1 for the label, -2 if it is ignored.
    fn roles(features: &str, label: &str) -> Result<Vec<i32>, String> {
        let selection = table("/x.csv").select(&options(features, label))?;
        let number = |role: &Role| match role {
            Role::Ignored => -2,
            Role::Label => -1,
            Role::Feature(number) => *number as i32,
        };
        Ok(selection.roles.iter().map(number).collect())
    }

    #[test]
    fn columns_go_by_name_number_and_range() {
        assert_eq!(roles("", ""), Ok(vec![0, 1, 2, 3, -1]));
        assert_eq!(roles("", "none"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(roles("c,sepal-length", ""), Ok(vec![-2, 1, -2, 0, -1]));
        assert_eq!(roles("2-4", "1"), Ok(vec![-1, 0, 1, 2, -2]));
        assert_eq!(roles("sepal-length-c", "none"), Ok(vec![-2, 0, 1, 2, -2]));
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_there_is() {
        let listed = "found the columns \"id\", \"sepal-length\", \"b\", \"c\", \"label\"";
        for (features, label, told) in [
            ("x", "", format!("expected a feature column \"x\", {listed}")),
            ("", "y", format!("expected a label column \"y\", {listed}")),
            ("6", "", format!("expected a feature column \"6\", {listed}")),
            ("b,3", "", "expected each feature once, found \"b\" twice".into()),
            ("b,label", "", "expected features beside the label, found \"label\" as both".into()),
            ("c-b", "", "expected a range of features in the order of the file, found \"c-b\"".into()),
        ] {
            assert_eq!(roles(features, label), Err(told));
        }
        let told = Table::new(3, Vec::new(), "/x.csv").select(&options("", "")).unwrap_err();
        let hint = "say --label NAME, --label NUMBER or --label none";
        assert_eq!(told, format!("expected a column named \"label\", found 3 columns without names: {hint}"));
    }

    #[test]
    fn directories_of_partitions_are_columns_that_may_be_asked_for() {
        let table = table("hdfs://h:1/t/year=2024/day=a%2Fb/part-0.csv");
        assert_eq!(table.select(&options("", "")).unwrap().shared, []);
        let selection = table.select(&options("b,year", "")).unwrap();
        assert_eq!((selection.features, selection.shared), (2, vec![(Role::Feature(1), 2024.0)]));
        let labelled = table.select(&options("b", "year")).unwrap();
        assert_eq!(labelled.shared, [(Role::Label, 2024.0)]);
        let told = table.select(&options("b,day", "")).unwrap_err();
        assert_eq!(told, "the directory day=a/b: expected a number, found \"a/b\"");
    }

    #[test]
    fn features_keep_their_names_unless_two_have_one() {
        let names = |table: &Table, features| table.settle(&options(features, "none")).unwrap().features;
        assert_eq!(names(&table("/x"), "3-4,1"), Some(["b", "c", "id"].map(str::to_owned).to_vec()));
        let twins = Table::new(2, vec!["a".into(), "a".into()], "/x");
        assert_eq!(names(&twins, "1-2"), Some(vec!["1-2".into()]));
        assert_eq!(names(&Table::new(2, Vec::new(), "/x"), ""), None);
    }

    #[test]
    fn missing_numbers_go_by_the_rule() {
        let feature = Role::Feature(0);
        for text in ["", " ", "NA", "NaN", "null", "\\N"] {
            assert_eq!(number(text.as_bytes(), feature, Missing::Zero), Ok(0.0), "{text}");
            assert!(number(text.as_bytes(), feature, Missing::Nan).unwrap().is_nan());
            let told = number(text.as_bytes(), feature, Missing::Error).unwrap_err();
            assert!(told.starts_with("expected a number in every row"), "{told}");
            let told = number(text.as_bytes(), Role::Label, Missing::Zero).unwrap_err();
            assert!(told.starts_with("expected a label in every row"), "{told}");
        }
        assert_eq!(number(b" -1.5e3 ", feature, Missing::Error), Ok(-1500.0));
        for (text, told) in [
            ("x", "expected a number, found \"x\""),
            ("inf", "expected a finite number, found \"inf\""),
            ("1e39", "expected a number below 3.4028236e38, found \"1e39\""),
        ] {
            assert_eq!(number(text.as_bytes(), feature, Missing::Zero), Err(told.into()));
        }
    }
}
