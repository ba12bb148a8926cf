//! Texts of several lines: the indentation of the closing quotes is taken from every line.

use super::SyntaxFault;
use super::cursor::is_line_end;

/// The lines of `body`, which stood between `"""` and `"""`. `whole` is the place of it all.
pub(super) fn dedent(body: &str, whole: (usize, usize)) -> Result<String, SyntaxFault> {
    let body = body.replace("\r\n", "\n");
    let mut lines: Vec<&str> = body.split(is_line_end).collect();
    let (first, last) = (lines.first().copied().unwrap_or_default(), lines.pop().unwrap_or_default());
    if lines.is_empty() || !first.is_empty() {
        return Err(SyntaxFault::new((whole.0, 3), "text stands on the line of the opening `\"\"\"`")
            .label("a new line must follow")
            .help("the text begins on the next line and ends on the line before the closing `\"\"\"`"));
    }
    if !last.chars().all(char::is_whitespace) {
        return Err(SyntaxFault::new(whole, "text stands on the line of the closing `\"\"\"`")
            .label("the last line must hold the quotes alone")
            .help("the text ends on the line before the closing `\"\"\"`"));
    }
    let mut text = String::with_capacity(body.len());
    for (index, line) in lines.into_iter().skip(1).enumerate() {
        if index > 0 {
            text.push('\n');
        }
        match line.strip_prefix(last) {
            Some(line) if !line.trim().is_empty() => text.push_str(line),
            _ if line.trim().is_empty() => {}
            _ => {
                return Err(SyntaxFault::new(whole, "a line is indented less than the closing `\"\"\"`")
                    .label(format!("in this text: `{}`", line.trim()))
                    .help("what stands before the closing `\"\"\"` must stand before every line"));
            }
        }
    }
    Ok(text)
}
