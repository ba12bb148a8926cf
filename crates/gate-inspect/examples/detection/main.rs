//! How well attacks are told from ordinary messages: run it with `bench/detection CORPUS.jsonl...`.
//!
//! Corpora are files of JSON lines (`{"category", "payload", "source"}`, category `benign` for ordinary
//! ones), or of one payload in a line: `--benign FILE`, `--attacks CATEGORY=FILE`. Generated ordinary
//! messages come to them (`--generated COUNT`, default 50000; `--seed N`). `--misses CATEGORY` and
//! `--false-positives` list instead of counting; `--only tuned` or `--only held-out` keeps one part.

#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it prints its findings")]

mod benign;
mod corpus;
mod evasion;
mod figures;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use gate_core::Side;
use gate_inspect::{Category, Inspection, Kind, Mode, Scratch, Settings, Subject};

use corpus::Sample;
use evasion::Evasion;
use figures::{Share, threshold};

const THRESHOLD: u16 = 5;
const GENERATED: usize = 50_000;
const SEED: u64 = 1;

/// What the command line says.
struct Options {
    samples: Vec<Sample>,
    misses: Option<String>,
    false_positives: bool,
    only: Option<String>,
}

/// An inspection that reports everything, and its room.
struct Judge {
    inspection: Inspection,
    scratch: Scratch,
}

/// The most that one place of a message scored, and the rules that did.
struct Score {
    most: u16,
    categories: BTreeMap<Category, u16>,
    why: Vec<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let mut judge = Judge::new()?;
    if let Some(category) = &options.misses {
        list_misses(&options, category, &mut judge);
    } else if options.false_positives {
        list_false_positives(&options.samples, &mut judge);
    } else {
        report(&options.samples, &mut judge);
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { samples: Vec::new(), misses: None, false_positives: false, only: None };
    let (mut generated, mut seed) = (GENERATED, SEED);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--misses" => options.misses = Some(value()?),
            "--only" => options.only = Some(value()?),
            "--false-positives" => options.false_positives = true,
            "--generated" => generated = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--benign" => options.samples.extend(corpus::lines(Path::new(&value()?), "benign")?),
            "--attacks" => {
                let value = value()?;
                let (category, path) = value.split_once('=').ok_or("--attacks CATEGORY=FILE")?;
                options.samples.extend(corpus::lines(Path::new(path), category)?);
            }
            _ if argument.starts_with('-') => return Err(format!("{argument} is not known").into()),
            _ => options.samples.extend(corpus::json_lines(Path::new(&argument))?),
        }
    }
    let made = benign::Grammar::read().messages(generated, seed);
    options.samples.extend(made.into_iter().map(|(kind, text)| Sample {
        category: "benign".to_owned(),
        source: format!("generated: {kind}"),
        payload: text.into_bytes(),
    }));
    Ok(options)
}

impl Judge {
    fn new() -> Result<Self, Box<dyn Error>> {
        let settings = Settings { mode: Mode::Detect, threshold: 1, ..Settings::default() };
        let inspection = Inspection::compile(settings).map_err(|faults| format!("{faults:?}"))?;
        Ok(Self { inspection, scratch: Scratch::default() })
    }

    fn score(&mut self, kind: Kind, payload: &[u8]) -> Score {
        let subject = Subject { from: Side::Client, kind, payload };
        let judgement = self.inspection.judge(subject, &mut self.scratch);
        let mut sums: BTreeMap<(Category, String), u16> = BTreeMap::new();
        let mut seen = Vec::new();
        let mut why = Vec::new();
        for finding in &judgement.findings {
            let place = finding.place.split('|').next().unwrap_or_default().to_owned();
            let key = (finding.category, place, finding.rule.as_str().to_owned());
            if !seen.contains(&key) {
                why.push(format!("{}({}) at `{}`", finding.rule, finding.score, finding.place));
                *sums.entry((key.0, key.1.clone())).or_default() += finding.score;
                seen.push(key);
            }
        }
        let mut categories = BTreeMap::new();
        for ((category, _), sum) in sums {
            let most: &mut u16 = categories.entry(category).or_default();
            *most = sum.max(*most);
        }
        Score { most: categories.values().copied().max().unwrap_or(0), categories, why }
    }

    /// The score of a payload wrapped; one that is no text cannot be and stays as it is.
    fn score_wrapped(&mut self, evasion: &Evasion, payload: &[u8]) -> Score {
        match std::str::from_utf8(payload) {
            Ok(text) => self.score(evasion.kind, (evasion.wrap)(text).as_bytes()),
            Err(_) => self.score(Kind::Binary, payload),
        }
    }
}

fn list_misses(options: &Options, category: &str, judge: &mut Judge) {
    for sample in options.samples.iter().filter(|sample| sample.category == category) {
        let part = if sample.is_held_out() { "held-out" } else { "tuned" };
        let score = judge.score(Kind::Text, &sample.payload);
        if score.most < THRESHOLD && options.only.as_deref().is_none_or(|only| only == part) {
            let text = String::from_utf8_lossy(&sample.payload);
            println!("{} {part} {} {text:?} {}", score.most, sample.source, score.why.join(", "));
        }
    }
}

fn list_false_positives(samples: &[Sample], judge: &mut Judge) {
    for sample in samples.iter().filter(|sample| sample.is_benign()) {
        let score = judge.score(Kind::Text, &sample.payload);
        if score.most >= THRESHOLD {
            let text: String = String::from_utf8_lossy(&sample.payload).chars().take(300).collect();
            println!("{} {} {text:?} {}", score.most, sample.source, score.why.join(", "));
        }
    }
}

fn report(samples: &[Sample], judge: &mut Judge) {
    let benign: Vec<&Sample> = samples.iter().filter(|sample| sample.is_benign()).collect();
    let scores: Vec<u16> =
        benign.iter().map(|sample| judge.score(Kind::Text, &sample.payload).most).collect();
    println!(
        "corpora and generated messages: {} samples, hash {:016x}",
        samples.len(),
        corpus::hash(samples)
    );
    println!("\nfalse positives at threshold {THRESHOLD}");
    report_benign(&benign, &scores);
    report_cost(&benign, judge);

    let mut attacks: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| !sample.is_benign()) {
        attacks.entry(&sample.category).or_default().push(sample);
    }
    let thresholds = [
        ("default", THRESHOLD),
        ("0.1 % false positives", threshold(&scores, 0.1)),
        ("1 % false positives", threshold(&scores, 1.0)),
    ];
    for (name, threshold) in thresholds {
        println!("\ntrue positives at threshold {threshold} ({name})");
        let [a, b, c] = ["tuned part", "held-out part", "as its own category"];
        println!("{:20} {a:38} {b:38} {c:38}", "");
        for (category, samples) in &attacks {
            report_attacks(category, samples, threshold, judge);
        }
    }
    println!("\ntrue positives at threshold {THRESHOLD} after each evasion, percent of all");
    let names = evasion::ALL.iter().map(|evasion| format!("{:>10}", evasion.name));
    println!("{:20}{}", "", names.collect::<String>());
    for (category, samples) in &attacks {
        let cells = evasion::ALL.iter().map(|evasion| {
            let mut share = Share::default();
            let scores = samples.iter().map(|sample| judge.score_wrapped(evasion, &sample.payload));
            scores.for_each(|score| share.count(score.most >= THRESHOLD));
            format!("{:>10.2}", share.percent())
        });
        println!("{category:20}{}", cells.collect::<String>());
    }
    println!("(fragmented and compressed messages are the same bytes once they are put together)");
}

fn report_benign(benign: &[&Sample], scores: &[u16]) {
    let mut kinds: BTreeMap<&str, Share> = BTreeMap::new();
    let mut all = Share::default();
    for (sample, score) in benign.iter().zip(scores) {
        kinds.entry(&sample.source).or_default().count(*score >= THRESHOLD);
        all.count(*score >= THRESHOLD);
    }
    for (kind, share) in kinds {
        println!("{kind:40} {share}");
    }
    println!("{:40} {all}", "all");
}

fn report_attacks(category: &str, samples: &[&Sample], threshold: u16, judge: &mut Judge) {
    let (mut tuned, mut held_out, mut own) = (Share::default(), Share::default(), Share::default());
    for sample in samples {
        let score = judge.score(Kind::Text, &sample.payload);
        let part = if sample.is_held_out() { &mut held_out } else { &mut tuned };
        part.count(score.most >= threshold);
        let named = score.categories.iter().find(|(named, _)| named.name() == category);
        own.count(named.is_some_and(|(_, sum)| *sum >= threshold));
    }
    let [tuned, held_out, own] = [tuned, held_out, own].map(|share| share.to_string());
    println!("{category:20} {tuned:38} {held_out:38} {own:38}");
}

/// What an ordinary message costs: the lowest of several rounds over all of them.
fn report_cost(benign: &[&Sample], judge: &mut Judge) {
    const ROUNDS: usize = 3;
    let bytes: usize = benign.iter().map(|sample| sample.payload.len()).sum();
    let count = benign.len().max(1);
    let round = |_| {
        let start = Instant::now();
        for sample in benign {
            let subject = Subject { from: Side::Client, kind: Kind::Text, payload: &sample.payload };
            std::hint::black_box(judge.inspection.judge(subject, &mut judge.scratch));
        }
        start.elapsed()
    };
    let lowest = (0..ROUNDS).map(round).min().unwrap_or_default();
    let nanoseconds = lowest.as_nanos() / u128::try_from(count).unwrap_or(1);
    println!("\nordinary messages: {} bytes and {nanoseconds} ns each on average", bytes / count);
}
