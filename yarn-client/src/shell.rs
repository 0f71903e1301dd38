//! Text that arrives in a container as it was written.
//!
//! A NodeManager writes environment and command of a container into a shell script, between double quotes and without any
//! escaping, after replacing `<LOG_DIR>`, `<CPS>` and `{{X}}` in it
//! (`org.apache.hadoop.yarn.server.nodemanager.containermanager.launcher.ContainerLaunch`). A quote in a value breaks the
//! script, and a backquote runs as a command. The functions here write values and commands so that nothing of this happens.

/// A value for a container's environment that arrives there as it is: nothing in it is expanded.
///
/// Where expansion is wanted (`{{PWD}}/data`, `$HOME`), give the text without this function.
///
/// ```
/// assert_eq!(yarn_client::shell::literal(r#"5" for $3"#), r#"5\" for \$3"#);
/// ```
pub fn literal(value: &str) -> String {
    // An empty string in quotes between the characters keeps NodeManagers from seeing their own marks.
    escape(value, "\"\"")
}

/// A command that runs these words, the program first, each as it is, with its output in the container's log folder as
/// `stdout` and `stderr`.
///
/// The shell is replaced by the program, which therefore receives the signals that YARN sends.
///
/// ```
/// let command = yarn_client::shell::command(["./am", "--name", "it's"]);
/// assert_eq!(command, r"exec './am' '--name' 'it'\\''s' 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr");
/// ```
pub fn command<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let mut command = String::from("exec");
    for each in words {
        command.push(' ');
        command.push_str(&word(each.as_ref()));
    }
    command + " 1><LOG_DIR>/stdout 2><LOG_DIR>/stderr"
}

/// One word of a command, as it is: quoted once for the shell that runs the command, and once more for the script that
/// hands the command to that shell.
pub fn word(word: &str) -> String {
    let quoted = format!("'{}'", word.replace('\'', "'\\''"));
    // Within the single quotes, two more of them are nothing.
    escape(&quoted, "''")
}

/// Escapes what is special between double quotes, and puts `nothing` where a NodeManager's mark would begin.
fn escape(text: &str, nothing: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if matches!(character, '\\' | '"' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(character);
        // `<LOG_DIR>`, `<CPS>`, `{{X}}`
        let mark = match character {
            '<' => characters.peek().is_some_and(char::is_ascii_uppercase),
            '{' | '}' => characters.peek() == Some(&character),
            _ => false,
        };
        if mark {
            escaped.push_str(nothing);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    const HARD: &str = "a'b\"c $HOME `date` \\ \\\\ {{X}} }} <LOG_DIR> <CPS> ; & | * ~ !x\tend";

    /// What a NodeManager does: quotes around, and its marks replaced before.
    fn script(text: &str) -> String {
        text.replace("<LOG_DIR>", "/logs").replace("<CPS>", ":").replace("{{", "${").replace("}}", "}")
    }

    fn run(script: &str) -> String {
        String::from_utf8(Command::new("bash").args(["-c", script]).output().unwrap().stdout).unwrap()
    }

    #[test]
    fn values_arrive_as_they_are() {
        let script = script(&format!("export V=\"{}\"", literal(HARD)));
        assert_eq!(run(&format!("{script}\nprintf %s \"$V\"")), HARD);
    }

    #[test]
    fn words_arrive_as_they_are() {
        let script = script(&format!("printf '<%s>' {} {}", word(HARD), word("")));
        assert_eq!(run(&format!("exec /bin/bash -c \"{script}\"")), format!("<{HARD}><>"));
    }
}
