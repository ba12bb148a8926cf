//! Where in a text of JSON the value at a pointer stands, for messages about schemas.

/// Line and column of the value at `pointer` (RFC 6901), both from 1, the column in characters.
/// `text` is JSON; `None` if there is no such value.
pub(super) fn of(text: &str, pointer: &str) -> Option<(usize, usize)> {
    let mut cursor = Cursor { rest: text };
    for step in pointer.split('/').skip(1) {
        cursor.enter(&step.replace("~1", "/").replace("~0", "~"))?;
    }
    cursor.skip_blanks();
    let before = text.get(..text.len() - cursor.rest.len())?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((line, column))
}

/// Before a value of a text that is known to be JSON.
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, c: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Goes to the member of the value with that key or index.
    fn enter(&mut self, step: &str) -> Option<()> {
        if self.take('{') {
            loop {
                let key = self.take_string()?;
                if !self.take(':') {
                    return None;
                }
                if key == step {
                    return Some(());
                }
                self.skip_value()?;
                if !self.take(',') {
                    return None;
                }
            }
        }
        if self.take('[') {
            for _ in 0..step.parse::<usize>().ok()? {
                self.skip_value()?;
                if !self.take(',') {
                    return None;
                }
            }
            return Some(());
        }
        None
    }

    fn skip_value(&mut self) -> Option<()> {
        self.skip_blanks();
        let mut depth = 0_usize;
        loop {
            self.skip_blanks();
            match self.rest.chars().next()? {
                '"' => drop(self.take_string()?),
                '{' | '[' => {
                    depth += 1;
                    self.advance(1);
                }
                '}' | ']' => {
                    depth = depth.checked_sub(1)?;
                    self.advance(1);
                }
                ',' | ':' if depth > 0 => self.advance(1),
                ',' | ':' => return None,
                _ => {
                    let end = self.rest.find([',', ':', '}', ']', ' ', '\t', '\r', '\n']);
                    self.advance(end.unwrap_or(self.rest.len()));
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn take_string(&mut self) -> Option<String> {
        self.skip_blanks();
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
        let text = values.next()?.ok()?;
        self.advance(values.byte_offset());
        Some(text)
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}
