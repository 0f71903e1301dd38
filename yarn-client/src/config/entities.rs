//! The entities of an XML file: the five built-in ones, characters by number, and texts that its own header declares.
//!
//! Some sites declare host names once at the top of a file. Entities are replaced as they are declared, under a cap, so
//! that entities made of entities cannot grow without end. Other files and addresses are never read for an entity.

use std::collections::BTreeMap;

use quick_xml::events::BytesRef;

/// The longest text that a value, or an entity in it, may become, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;

/// What the header of a file declares: names, and texts without further entities.
#[derive(Debug, Default)]
pub(super) struct Entities {
    texts: BTreeMap<String, String>,
}

impl Entities {
    /// Takes in the declarations between the brackets of a `<!DOCTYPE ...>`.
    ///
    /// Anything else in there (elements, attributes, comments, other files) is skipped: an entity that comes from
    /// another file stays unknown, and using it is an error.
    pub(super) fn declare(&mut self, doctype: &str) -> Result<(), String> {
        let mut rest = doctype;
        while let Some(start) = rest.find("<!") {
            rest = &rest[start + 2..];
            if let Some(comment) = rest.strip_prefix("--") {
                rest = comment.split_once("-->").map_or("", |(_, after)| after);
            } else if let Some((name, text, after)) = declaration(rest) {
                let text = self.replace(text)?;
                let total: usize = self.texts.values().map(String::len).sum();
                if total + text.len() > MAX_TEXT_BYTES {
                    return Err(format!("the entities are longer than {MAX_TEXT_BYTES} bytes"));
                }
                // The first declaration counts: XML says so.
                self.texts.entry(name.into()).or_insert(text);
                rest = after;
            }
        }
        Ok(())
    }

    /// The text of `&name;`.
    pub(super) fn resolve(&self, name: &str) -> Result<String, String> {
        let character =
            BytesRef::new(name).resolve_char_ref().map_err(|error| format!("&{name};: {error}"))?;
        let built_in = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => None,
        };
        let declared = || self.texts.get(name).cloned();
        character
            .or(built_in)
            .map(String::from)
            .or_else(declared)
            .ok_or_else(|| format!("the entity &{name}; is not declared"))
    }

    /// Replaces all entities in a text (an attribute's value, or the text of another entity).
    pub(super) fn replace(&self, text: &str) -> Result<String, String> {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('&') {
            let (name, after) = after.split_once(';').ok_or("an & that begins no entity")?;
            replaced.push_str(before);
            replaced.push_str(&self.resolve(name)?);
            if replaced.len() > MAX_TEXT_BYTES {
                return Err(format!("a text is longer than {MAX_TEXT_BYTES} bytes"));
            }
            rest = after;
        }
        replaced.push_str(rest);
        Ok(replaced)
    }
}

/// `ENTITY name "text">...` as name, text and what follows.
fn declaration(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix("ENTITY")?;
    let (name, text) = text.trim_start().split_once(|c: char| c.is_whitespace())?;
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, after) = text[1..].split_once(quote)?;
    Some((name, value, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn declared_entities_are_texts() {
        let mut entities = Entities::default();
        let header = "c [<!-- <!ENTITY no 'x'> --><!ENTITY h \"host7\"><!ENTITY hh '&h;:1&amp;'><!ENTITY h 'again'>\
                      <!ENTITY file SYSTEM \"file:///etc/passwd\"><!ELEMENT a (b)>]";
        entities.declare(header).unwrap();
        assert_eq!(entities.replace("&lt;&#65;&#x42;&h;-&hh;").as_deref(), Ok("<ABhost7-host7:1&"));
        for text in ["&no;", "&file;", "&", "& b;", "&#1114112;", "&#x;"] {
            assert!(entities.replace(text).is_err(), "{text}");
        }
    }

    #[test]
    fn entities_of_entities_do_not_grow_without_end() {
        let mut header = String::from("<!ENTITY a0 'aaaaaaaaaa'>");
        for level in 1..30 {
            header += &format!("<!ENTITY a{level} '{}'>", format!("&a{};", level - 1).repeat(10));
        }
        assert!(Entities::default().declare(&header).unwrap_err().contains("longer than"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(header in "(<!ENTITY |['\"&;#>]|--|[a-c ]|.){0,60}", text in "([&;#x]|[a-c0-9]|.){0,30}") {
            let mut entities = Entities::default();
            let _ = entities.declare(&header);
            let _ = entities.replace(&text);
        }
    }
}
