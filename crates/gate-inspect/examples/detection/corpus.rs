//! Corpora: attacks and ordinary texts, from files.

use std::error::Error;
use std::fs;
use std::path::Path;

/// One payload.
pub(crate) struct Sample {
    /// Which attack it is; `benign` is none.
    pub(crate) category: String,
    /// Who collected it.
    pub(crate) source: String,
    pub(crate) payload: Vec<u8>,
}

impl Sample {
    /// Whether it belongs to the 30 % that rules were not written by: decided by a hash of payload and source.
    pub(crate) fn is_held_out(&self) -> bool {
        fnv(fnv(START, self.source.as_bytes()), &self.payload) % 10 < 3
    }

    pub(crate) fn is_benign(&self) -> bool {
        self.category == "benign"
    }
}

/// The samples of a file of JSON lines with `category`, `payload` and `source`.
pub(crate) fn json_lines(path: &Path) -> Result<Vec<Sample>, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut samples = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("{}:{}", path.display(), number + 1);
        let value: serde_json::Value =
            serde_json::from_str(line).map_err(|error| format!("{}: {error}", place()))?;
        let field = |name: &str| value.get(name).and_then(|field| field.as_str()).map(str::to_owned);
        let (Some(category), Some(payload)) = (field("category"), field("payload")) else {
            return Err(format!("{}: `category` and `payload` are needed", place()).into());
        };
        let source = field("source").unwrap_or_default();
        samples.push(Sample { category, source, payload: payload.into_bytes() });
    }
    Ok(samples)
}

/// The samples of a file with one payload in a line.
pub(crate) fn lines(path: &Path, category: &str) -> Result<Vec<Sample>, Box<dyn Error>> {
    let text = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let source = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let lines = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let sample = |line: &[u8]| Sample {
        category: category.to_owned(),
        source: source.clone(),
        payload: line.to_vec(),
    };
    Ok(lines.filter(|line| !line.trim_ascii().is_empty()).map(sample).collect())
}

/// A number that changes with any byte of the samples.
pub(crate) fn hash(samples: &[Sample]) -> u64 {
    samples.iter().fold(START, |state, sample| fnv(fnv(state, sample.category.as_bytes()), &sample.payload))
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, byte| (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
