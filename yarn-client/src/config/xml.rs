//! One configuration file as the list of its properties.
//!
//! What counts is what Hadoop's own reader (`org.apache.hadoop.conf.Configuration.Parser`) makes of a file: it looks at
//! the local names of elements alone, so a property below a strange element or root still is one.

use std::path::Path;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::ConfigError;
use super::entities::{Entities, MAX_TEXT_BYTES};

/// One `<property>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: String,
    /// `None` where the value is missing or empty, which leaves an earlier value as it is.
    pub(super) value: Option<String>,
    /// Later files, and later lines, may not change it.
    pub(super) is_final: bool,
    pub(super) file: Arc<Path>,
    pub(super) line: u32,
}

/// Reads the properties of a file in the order in which they stand.
///
/// `include` reads the file that an `href` names; `None` if there is none, so that `<xi:fallback>` may stand in.
pub(super) fn parse(
    file: &Arc<Path>,
    text: &str,
    include: impl FnMut(&str) -> Result<Option<Vec<Item>>, ConfigError>,
) -> Result<Vec<Item>, ConfigError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut lines = Lines { text, position: 0, line: 1 };
    let mut parser = Parser {
        file,
        include,
        entities: Entities::default(),
        line: 1,
        open: 0,
        root_seen: false,
        collecting: false,
        collected: String::new(),
        property: Item { name: String::new(), value: None, is_final: false, file: file.clone(), line: 1 },
        not_found: None,
        in_fallback: false,
        items: Vec::new(),
    };
    loop {
        let event = reader.read_event();
        parser.line =
            lines.at(if event.is_err() { reader.error_position() } else { reader.buffer_position() });
        match event.map_err(|error| parser.malformed(error))? {
            Event::Start(element) => parser.start(&element)?,
            Event::End(element) => parser.end(element.local_name().into_inner())?,
            Event::Text(text) => parser.text(&text.xml10_content())?,
            Event::CData(text) => parser.text(&text.xml10_content())?,
            Event::GeneralRef(name) => {
                let text = parser.entities.resolve(&name).map_err(|error| parser.malformed(error))?;
                parser.text(&text)?;
            }
            Event::DocType(text) => {
                parser.entities.declare(&text).map_err(|error| parser.malformed(error))?
            }
            Event::Eof if parser.open > 0 => {
                return Err(parser.malformed("it ends in the middle of an element"));
            }
            Event::Eof if !parser.root_seen => {
                return Err(parser.malformed("it is empty: not even <configuration/>"));
            }
            Event::Eof => return Ok(parser.items),
            _ => {}
        }
    }
}

struct Parser<'a, I> {
    file: &'a Arc<Path>,
    include: I,
    entities: Entities,
    line: u32,
    /// Elements that are open.
    open: usize,
    root_seen: bool,
    /// Whether text is wanted: from the start of `<name>`, `<value>` and their like, to its end.
    collecting: bool,
    collected: String,
    property: Item,
    /// What the open `<include>` named and did not find.
    not_found: Option<String>,
    in_fallback: bool,
    items: Vec<Item>,
}

impl<I: FnMut(&str) -> Result<Option<Vec<Item>>, ConfigError>> Parser<'_, I> {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), ConfigError> {
        if self.open == 0 && self.root_seen {
            return Err(self.malformed("there is a second root element"));
        }
        self.open += 1;
        self.root_seen = true;
        match element.local_name().into_inner() {
            "property" => self.start_property(element)?,
            "name" | "value" | "final" | "source" | "tag" => {
                self.collecting = true;
                self.collected.clear();
            }
            "include" => self.start_include(element)?,
            "fallback" => self.in_fallback = true,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str) -> Result<(), ConfigError> {
        self.open = self.open.saturating_sub(1);
        match name {
            "name" if !self.collected.is_empty() => self.property.name = self.collected.trim().into(),
            "value" if !self.collected.is_empty() => self.property.value = Some(self.collected.clone()),
            // Exactly "true": Hadoop takes no blanks and no capitals here.
            "final" => self.property.is_final = self.collected == "true",
            // A fallback counts only if the file that it stands in for was not found.
            "property" if self.in_fallback && self.not_found.is_none() => {}
            "property" if !self.property.name.is_empty() => self.items.push(self.property.clone()),
            "include" => {
                if let (Some(href), false) = (self.not_found.take(), self.in_fallback) {
                    return Err(self.malformed(format_args!("no file {href:?} to include, and no fallback")));
                }
                self.in_fallback = false;
            }
            _ => {}
        }
        if matches!(name, "name" | "value" | "final" | "source" | "tag") {
            self.collecting = false;
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), ConfigError> {
        if self.open == 0 && !text.trim().is_empty() {
            return Err(self.malformed("there is text outside of the root element"));
        }
        if self.collecting {
            if self.collected.len() + text.len() > MAX_TEXT_BYTES {
                return Err(self.malformed(format_args!("a text is longer than {MAX_TEXT_BYTES} bytes")));
            }
            self.collected.push_str(text);
        }
        Ok(())
    }

    /// `<property name="..." value="..." final="..."/>` is allowed as well as elements within.
    fn start_property(&mut self, element: &BytesStart<'_>) -> Result<(), ConfigError> {
        self.property = Item {
            name: String::new(),
            value: None,
            is_final: false,
            file: self.file.clone(),
            line: self.line,
        };
        self.property.name = self.attribute(element, "name")?.unwrap_or_default();
        self.property.value = self.attribute(element, "value")?;
        self.property.is_final = self.attribute(element, "final")?.as_deref() == Some("true");
        Ok(())
    }

    fn start_include(&mut self, element: &BytesStart<'_>) -> Result<(), ConfigError> {
        let Some(href) = self.attribute(element, "href")? else { return Ok(()) };
        match (self.include)(&href)? {
            Some(items) => self.items.extend(items),
            None => self.not_found = Some(href),
        }
        Ok(())
    }

    fn attribute(&self, element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ConfigError> {
        let attribute = element.try_get_attribute(name).map_err(|error| self.malformed(error))?;
        let replaced = |value: &str| self.entities.replace(&value.replace(['\n', '\r', '\t'], " "));
        attribute.map(|found| replaced(&found.value)).transpose().map_err(|error| self.malformed(error))
    }

    fn malformed(&self, message: impl ToString) -> ConfigError {
        ConfigError::Malformed {
            path: self.file.to_path_buf(),
            line: self.line,
            message: message.to_string(),
        }
    }
}

/// Counts lines up to positions that only grow, so that the whole file is counted once.
struct Lines<'a> {
    text: &'a str,
    position: usize,
    line: u32,
}

impl Lines<'_> {
    fn at(&mut self, position: u64) -> u32 {
        let position = usize::try_from(position).unwrap_or(usize::MAX).clamp(self.position, self.text.len());
        let passed = &self.text.as_bytes()[self.position..position];
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u32;
        self.position = position;
        self.line
    }
}
