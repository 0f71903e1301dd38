//! User code behind a wall: its errors and panics come out as one sentence, with the place where it panicked.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

use crate::algorithm::Result;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Characters of an error that are told: two long vectors that are not equal would fill more than a message.
const LONGEST: usize = 8192;

/// Runs user code; an `Err` or a panic becomes the text of the error.
pub fn guard<T>(code: impl FnOnce() -> Result<T>) -> std::result::Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        set_hook(Box::new(move |info| {
            let inside = PANIC.with_borrow(Option::is_some);
            if !inside {
                return default(info);
            }
            let place = info.location().map_or(String::new(), |place| format!(" at {place}"));
            let message = info.payload_as_str().unwrap_or("a panic without a message");
            PANIC.set(Some(format!("panicked{place}: {message}")));
        }));
    });
    // Guards nest: around a thread's whole work, and where a thread that waits in user code takes up other work meanwhile.
    let outer = PANIC.replace(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(code));
    let panic = PANIC.replace(outer).unwrap_or_default();
    let outcome = match outcome {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => Err(chain(error.as_ref())),
        // It came from another thread, whose hook has printed the place.
        Err(payload) if panic.is_empty() => {
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            Err(format!("panicked: {}", text.unwrap_or("without a message")))
        }
        Err(_) => Err(panic),
    };
    outcome.map_err(|text: String| text.chars().take(LONGEST).collect())
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_errors_and_panics_come_out() {
        assert_eq!(guard(|| Ok(1)), Ok(1));
        assert_eq!(guard::<()>(|| Err("no luck".into())), Err("no luck".to_owned()));
        let told = guard::<()>(|| panic!("index {} of {}", 3, 2)).unwrap_err();
        assert!(told.starts_with("panicked at ") && told.contains("guard.rs:"), "{told}");
        assert!(told.ends_with("index 3 of 2"), "{told}");
    }

    #[test]
    fn guards_nest_and_panics_of_other_threads_come_through() {
        let told = guard::<()>(|| {
            assert_eq!(guard::<()>(|| panic!("inner")).unwrap_err().rsplit(' ').next(), Some("inner"));
            panic!("outer");
        });
        let told = told.unwrap_err();
        assert!(told.contains("guard.rs:") && told.ends_with("outer"), "{told}");
        let told = guard::<()>(|| std::panic::resume_unwind(Box::new("far away")));
        assert_eq!(told, Err("panicked: far away".to_owned()));
    }
}
