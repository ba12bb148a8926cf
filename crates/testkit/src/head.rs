//! The head of an HTTP/1.1 message as a peer received it: the first line, the fields in
//! order, spelt as they came.

/// See the module.
#[derive(Clone, Debug)]
pub struct Head {
    /// The request line or status line.
    pub first_line: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head, the empty line included. Strict: what the gateway writes has CRLF, a
    /// name, a colon and one space.
    ///
    /// # Panics
    /// Where a line is written in another way.
    #[must_use]
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Self {
        // Bytes above ASCII are opaque (RFC 9110 §5.5): one character each, in Latin-1.
        let text: String = bytes.iter().copied().map(char::from).collect();
        let lines = text.strip_suffix("\r\n\r\n").expect("a head ends with an empty line");
        assert!(!lines.replace("\r\n", "").contains(['\r', '\n', '\0']), "a stray line end in {text:?}");
        let mut lines = lines.split("\r\n");
        let first_line = lines.next().expect("a split gives one part").to_owned();
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
            (!name.is_empty() && !name.contains([' ', '\t'])).then(|| (name.to_owned(), value.to_owned()))
        });
        let fields = fields.collect::<Option<_>>();
        assert!(fields.is_some(), "a line without a name in {text:?}");
        Self { first_line, fields: fields.unwrap_or_default() }
    }

    /// All values of a field, in order.
    pub fn all<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h str> {
        self.fields.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The value of a field that stands at most once.
    ///
    /// # Panics
    /// When it stands more than once.
    #[must_use]
    #[track_caller]
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let first = values.next();
        assert!(values.next().is_none(), "{name} stands more than once in {self:?}");
        first
    }

    /// The names of all fields in lower case, sorted, each once.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The status code of a response.
    ///
    /// # Panics
    /// When the first line is no status line of HTTP/1.1, or of HTTP/1.0, in which a request
    /// of that version may be answered.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> u16 {
        let versions = ["HTTP/1.1 ", "HTTP/1.0 "];
        let status = versions.into_iter().find_map(|version| self.first_line.strip_prefix(version)?.get(..3));
        status.and_then(|digits| digits.parse().ok()).expect("a status line")
    }
}
