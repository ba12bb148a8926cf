//! The entry point for fuzzing: any bytes for a configuration.
//!
//! What holds for every input: it is judged without a panic, every mistake points into the
//! text, and a text that has been judged once is judged the same way again.

use miette::Diagnostic as _;

use crate::{Diagnostic, parse};

/// Reads `bytes` as a configuration; what is not UTF-8 in them becomes U+FFFD.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = (parse("fuzz.kdl", &text), parse("fuzz.kdl", &text));
    match (first, second) {
        (Ok(loaded), Ok(again)) => {
            assert!(loaded.warnings.iter().all(Diagnostic::is_warning));
            check(&loaded.warnings, &text);
            assert_eq!(format!("{:?}", loaded.config), format!("{:?}", again.config));
        }
        (Err(failed), Err(again)) => {
            assert!(failed.mistakes() > 0 && failed.mistakes() == again.mistakes());
            assert!(failed.diagnostics.iter().any(|diagnostic| !diagnostic.is_warning()));
            check(&failed.diagnostics, &text);
        }
        (Ok(_), Err(failed)) | (Err(failed), Ok(_)) => assert_eq!(failed.mistakes(), 0, "judged both ways"),
    }
}

fn check(diagnostics: &[Diagnostic], text: &str) {
    for diagnostic in diagnostics {
        for label in diagnostic.labels().into_iter().flatten() {
            let span = label.offset()..label.offset() + label.len();
            assert!(text.get(span).is_some(), "{diagnostic} points into the text");
        }
        assert!(!diagnostic.one_line().contains('\n'), "{diagnostic} fits one line");
    }
}
