//! Variables in values: `${other.property}`, `${env.X}`, `${env.X-text}`, `${env.X:-text}`.
//!
//! The rules are those of `org.apache.hadoop.conf.Configuration.substituteVars`, odd corners included: a value that means
//! one thing to the cluster must not mean another here.

use std::ops::Range;

use super::environment::Environment;

/// How many variables are replaced in one value, those in replacements included. One more is an error.
pub(super) const MAX_SUBSTITUTIONS: usize = 20;

/// There were more variables than [`MAX_SUBSTITUTIONS`] (usually two that refer to each other).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyVariables;

/// Replaces the variables in `value`; `property` gives another property's value as it is written.
///
/// The first variable that is unbound ends the work, and one that refers to itself undoes it, as in Hadoop.
pub(super) fn expand<'a>(
    value: &str,
    environment: &'a Environment,
    property: impl Fn(&str) -> Option<&'a str>,
) -> Result<String, TooManyVariables> {
    let mut text = value.to_string();
    for _ in 0..MAX_SUBSTITUTIONS {
        let Some(inner) = innermost_variable(&text) else { return Ok(text) };
        let name = &text[inner.clone()];
        let system = match name.strip_prefix("env.") {
            Some(variable) if !variable.is_empty() => from_environment(variable, environment),
            _ => environment.system_property(name).map(String::from),
        };
        let other = || property(name).map(String::from);
        let Some(replacement) = system.or_else(other) else { return Ok(text) };
        let whole = inner.start - 2..inner.end + 1;
        if replacement.contains(&text[whole.clone()]) {
            return Ok(value.to_string());
        }
        text.replace_range(whole, &replacement);
    }
    Err(TooManyVariables)
}

/// The name within the first `${name}` that holds no other one: a blank, a dollar or an early `}` starts the search anew.
fn innermost_variable(text: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = None;
    for (index, byte) in bytes.iter().enumerate() {
        match (byte, start) {
            (b'{', None) if index > 0 && bytes[index - 1] == b'$' => start = Some(index + 1),
            (b'}', Some(first)) if index > first => return Some(first..index),
            (b'}' | b' ' | b'$', Some(_)) => start = None,
            _ => {}
        }
    }
    None
}

/// `X`, `X-text` (if X is unset) or `X:-text` (if it is unset or empty).
fn from_environment(variable: &str, environment: &Environment) -> Option<String> {
    let Some((name, default)) = variable.split_once('-') else {
        return environment.get(variable).map(String::from);
    };
    let value = match name.strip_suffix(':') {
        Some(name) => environment.get(name).filter(|value| !value.is_empty()),
        None => environment.get(name),
    };
    Some(value.unwrap_or(default).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expanded(value: &str) -> Result<String, TooManyVariables> {
        let environment =
            [("FOO", "foo"), ("EMPTY", ""), ("DOLLAR", "${v3}"), ("USER", "root")].into_iter().collect();
        expand(value, &environment, |name| {
            Some(match name {
                "v2" => "${v3}-${v3}",
                "v3" => "y",
                "n" => "3",
                "loop1" => "a${loop2}",
                "loop2" => "b${loop1}",
                "self" => "${self}/x",
                "env.IN" => "from a property",
                _ => return None,
            })
        })
    }

    /// Every right-hand side is what `Configuration.get` of Hadoop 3.4.2 returns.
    #[test]
    fn replaces_what_hadoop_replaces() {
        for (value, expected) in [
            ("${v2}", "y-y"),
            ("${v${n}}", "y"),
            ("${self}", "${self}"),
            ("${v3}${nope}${v3}", "y${nope}${v3}"),
            ("${v 3} ${v3}", "${v 3} y"),
            ("$${v3} ${} ${v3 ${v3} {v3} ${$v3}", "$y ${} ${v3 y {v3} ${$v3}"),
            ("${env.FOO}|${env.NOFOO-def}|${env.EMPTY-def}", "foo|def|"),
            ("${env.EMPTY:-def}", "def"),
            ("${env.NOFOO}", "${env.NOFOO}"),
            ("${env.NOFOO:-a:b-c}", "a:b-c"),
            ("${env.NOFOO-${v3}}", "y"),
            ("${env.NOFOO-}", ""),
            ("${env.}", "${env.}"),
            ("${env.IN}", "from a property"),
            ("${env.DOLLAR}", "y"),
            ("${user.name}", "root"),
        ] {
            assert_eq!(expanded(value).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn gives_up_where_hadoop_does() {
        assert_eq!(expanded("${loop1}"), Err(TooManyVariables));
        assert_eq!(expanded(&"${v3}".repeat(19)), Ok("y".repeat(19)));
        assert_eq!(expanded(&"${v3}".repeat(20)), Err(TooManyVariables));
    }

    proptest! {
        #[test]
        fn any_text_is_expanded_without_a_panic(value in "([${} ]|env\\.|v3|v2|loop1|[-:]|.){0,40}") {
            let _ = expanded(&value);
        }
    }
}
