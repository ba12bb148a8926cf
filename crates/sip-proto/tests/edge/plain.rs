//! Messages as lists of lines: what peers of the tests speak, sharing no code with what is tested.

/// A message without folds and compact names.
#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Plain {
    pub(crate) fn new(start: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { start: start.to_owned(), headers, body: body.to_owned() }
    }

    /// Reads what came, and is strict about its length, as JsSIP is.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("headers end");
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is a header in\n{text}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut plain = Self { start, headers, body: body.to_owned() };
        assert_eq!(plain.get("Content-Length"), body.len().to_string(), "{text}");
        plain.headers.retain(|(name, _)| name != "Content-Length");
        plain
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (start, length, body) = (&self.start, self.body.len(), &self.body);
        format!("{start}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    /// The only value of a header.
    pub(crate) fn get(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            ref values => panic!("{name} is there once: {values:?} in {self:?}"),
        }
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let header = self.headers.iter_mut().find(|(other, _)| other == name).expect("it is there");
        value.clone_into(&mut header.1);
    }

    /// Puts it above all others.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.headers.insert(0, (name.to_owned(), value.to_owned()));
    }

    /// Takes the topmost off.
    pub(crate) fn pop(&mut self, name: &str) -> String {
        let at = self.headers.iter().position(|(other, _)| other == name).expect("it is there");
        self.headers.remove(at).1
    }

    pub(crate) fn is_response(&self) -> bool {
        self.start.starts_with("SIP/2.0 ")
    }

    pub(crate) fn method(&self) -> &str {
        self.get("CSeq").split_once(' ').unwrap().1
    }

    /// The request's URI, or the status.
    pub(crate) fn second_word(&self) -> &str {
        self.start.split(' ').nth(1).unwrap()
    }

    /// The answer (RFC 3261 §8.2.6).
    pub(crate) fn answer(&self, status: &str, tag: &str, more: &[(&str, &str)]) -> Self {
        let kept = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
        let mut headers: Vec<_> =
            self.headers.iter().filter(|(name, _)| kept.contains(&name.as_str())).cloned().collect();
        for (name, value) in &mut headers {
            if name == "To" && !value.contains(";tag=") {
                value.push_str(&format!(";tag={tag}"));
            }
        }
        headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { start: format!("SIP/2.0 {status}"), headers, body: String::new() }
    }
}

/// What stands between the brackets of an address.
pub(crate) fn uri_of(address: &str) -> &str {
    let (_, behind) = address.split_once('<').expect("an address in brackets");
    behind.split_once('>').unwrap().0
}

/// `host:port` of a URI.
pub(crate) fn host_of(uri: &str) -> &str {
    let rest = uri.split_once('@').map_or_else(|| uri.split_once(':').unwrap().1, |(_, host)| host);
    rest.split(';').next().unwrap()
}
