//! What a program is given, as far as it matters, and what of that is a path, a file of the system or a host.

use super::shell::Word;

/// The arguments of a program, without what payloads have behind them to shut out the rest of a line.
pub(super) struct Arguments<'a> {
    words: Vec<&'a str>,
    /// The files that output is sent to.
    outputs: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    pub(super) fn of(words: &'a [Word]) -> Self {
        let mut arguments = Self { words: Vec::with_capacity(words.len()), outputs: Vec::new() };
        let mut is_output = false;
        for (number, word) in words.iter().enumerate() {
            let text = word.text.as_str();
            let next = words.get(number + 1).map_or("", |word| word.text.as_str());
            if text == "<" {
                continue;
            }
            if let Some(target) = text.strip_prefix('>') {
                is_output = target.is_empty();
                arguments.outputs.extend(Some(target).filter(|target| !target.is_empty()));
            } else if is_output {
                is_output = false;
                arguments.outputs.push(text);
            } else if text.starts_with("##") || (text.starts_with('#') && is_noise(text)) {
                break;
            } else if !(is_noise(text) || next.starts_with('>') && matches!(text, "1" | "2" | "&")) {
                arguments.words.push(trimmed(text));
            }
        }
        if let [first, ..] = arguments.words.as_slice()
            && first.starts_with('#')
        {
            arguments.words.clear();
        }
        arguments
    }

    pub(super) const fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn first(&self) -> &'a str {
        self.words.first().copied().unwrap_or_default()
    }

    /// The first that is no flag.
    pub(super) fn verb(&self) -> &'a str {
        self.words.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default()
    }

    pub(super) fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.words.iter().chain(&self.outputs).any(|word| is(word))
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.any(|word| words.contains(&word))
    }

    /// None, or closing brackets and comments only.
    pub(super) fn none(&self) -> bool {
        let first = self.first();
        first.is_empty() || first.starts_with(['#', '<', ')', '}', '('])
    }

    pub(super) fn flags(&self) -> bool {
        let flag = |word: &&str| word.len() > 1 && *word != "--" && word.starts_with(['-', '/', '#']);
        (!self.words.is_empty() || !self.outputs.is_empty()) && self.words.iter().all(flag)
    }

    /// Whether output goes to such a file.
    pub(super) fn sends_to(&self, is: impl Fn(&str) -> bool) -> bool {
        self.outputs.iter().any(|file| is(file))
    }

    /// Whether output goes to a file.
    pub(super) fn is_redirected(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Whether these are what a program takes rather than the rest of a sentence: flags, paths, numbers.
    pub(super) fn are_terse(&self) -> bool {
        let is_word = |word: &&&str| {
            word.len() > 2
                && word.trim_end_matches(['.', ',', '!', '?']).bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        let plain = self.words.iter().filter(is_word).count();
        plain == 0 || (plain == 1 && self.words.iter().any(|word| word.starts_with('-')))
    }
}

/// Quotes, brackets, comments and line ends.
fn is_noise(word: &str) -> bool {
    word != "/"
        && word != "."
        && word != "*"
        && word != "-"
        && word != ".."
        && word != "~"
        && word.bytes().all(|byte| b"#'\"/\\)(}{;,`\0:-".contains(&byte))
        || word == "rem"
}

fn trimmed(word: &str) -> &str {
    let word =
        word.strip_suffix("::").unwrap_or(word).trim_end_matches([')', '}', '"', '\'', ',', '\0', '#']);
    // The root of a drive ends in a backslash.
    let word = if word.len() > 3 { word.trim_end_matches(['\\', '`']) } else { word };
    // Slashes are one by then.
    let value = word
        .strip_suffix('/')
        .filter(|value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    value.unwrap_or(word).trim_end_matches(['"', '\''])
}

/// A file or directory that only its system should read.
pub(super) fn is_secret(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>', '@', '"', '\'', '(']);
    [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/group",
        "/etc/hosts",
        "/etc/issue",
        "/etc/sudoers",
        "etc/passwd",
        "etc/shadow",
        "/proc/self",
        "/proc/version",
        "/root/",
    ]
    .iter()
    .any(|path| word.contains(path))
        || [
            "boot.ini",
            "win.ini",
            "/.ssh/",
            "id_rsa",
            "\\sam",
            "wp-config",
            "/var/www",
            ".htpasswd",
            ".aws/credentials",
            ".git-credentials",
            ".pgpass",
            ".netrc",
            ".bash_history",
        ]
        .iter()
        .any(|name| word.contains(name))
        || (word.contains("/etc") || word.starts_with("/???/")) && is_glob(word)
        || ["/flag", "flag.txt", "flag.php"].iter().any(|name| word.ends_with(name))
        || word == "config.php"
}

/// A path from the root, or from a drive.
pub(super) fn is_system(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>']);
    word == "/"
        || ["/etc", "/home", "/var", "/tmp", "/usr", "/bin", "/root", "/opt", "/proc", "/dev/", "/sbin"]
            .iter()
            .any(|start| word.starts_with(start))
        || is_windows(word)
}

pub(super) fn is_windows(word: &str) -> bool {
    let drive = word
        .strip_prefix(|letter: char| letter.is_ascii_alphabetic())
        .is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    drive
        || word.starts_with("%system")
        || word.starts_with("%windir")
        || ["%userprofile", "%appdata", "%temp%", "%tmp%", "%programfiles", "%homepath", "%homedrive"]
            .iter()
            .any(|start| word.starts_with(start))
        || word.starts_with("\\\\")
}

pub(super) fn is_path(word: &str) -> bool {
    let ending = word.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty()
            && (1..5).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    !word.starts_with('-')
        && (word.contains('/')
            || word.starts_with(['~', '*', '.']) && word.len() < 40
            || ending
            || word.contains(".\\"))
}

/// An address, a name with dots, or a URL.
pub(super) fn is_host(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'', '<', '`', '\\']);
    let dotted = word.split_once('.').is_some_and(|(first, rest)| {
        !first.is_empty() && rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    });
    word.contains("://")
        || word.starts_with("//")
        || dotted && !word.starts_with('-')
        || word == "localhost"
        || word.starts_with("::1")
        || word.starts_with("0x")
        || word.starts_with("$(")
        || word.starts_with('$')
}

/// `/???/c?t` names a program without its letters.
pub(super) fn is_glob(path: &str) -> bool {
    path.bytes().filter(|byte| matches!(byte, b'?' | b'*')).count() > 1
}

/// A URL, or an address in numbers.
pub(super) fn is_address(word: &str) -> bool {
    let digits = word.split(['/', ':']).next().unwrap_or_default();
    word.contains("://")
        || digits.split('.').count() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
