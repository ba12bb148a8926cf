//! What speaks for a command behind a value, in points: what stands before it, the name, the arguments, what follows.
//!
//! No single sign decides here. `127.0.0.1 && service mysql status` has an ordinary word for its name,
//! `;c89 -wrapper sh,-c,id` a program that no table holds; each has enough of the rest.

use super::context::{PHRASE, PROSE, VALUE, end, is_end, is_quotation, is_table, place};
use super::directory::Directory;
use super::shell::{Before, Statement};
use super::words::{is_known, is_neutral};
use super::worth::{ALONE, BEHIND, command, is_terse, shown};

/// So many points make a command.
pub(super) const ENOUGH: i32 = 5;
/// So many are worth telling of a command that would be sure in another place.
const DOUBTFUL: i32 = 3;
/// The statement with the most points behind `lead`, if they are worth telling. The lead of what follows is left
/// in its place.
pub(super) fn weigh<'a>(
    text: &[u8],
    statements: &'a [Statement],
    lead: &mut i32,
) -> Option<(i32, &'a Statement)> {
    let commands: Vec<Option<i32>> = statements.iter().map(command).collect();
    let last_foreign =
        statements.iter().zip(&commands).rposition(|(statement, points)| is_foreign(statement, *points));
    let (table, end) = (is_table(text, statements), end(text));
    let quotation = is_quotation(text);
    let mut directory = Directory::default();
    let mut takes = false;
    let mut best: Option<(i32, &Statement)> = None;
    for (number, (statement, points)) in statements.iter().zip(&commands).enumerate() {
        let visit = directory.visit(statement);
        let is_quoted = quotation && statement.before == Before::Tick;
        let points = if is_quoted { shown(statement) } else { *points };
        if let Some(points) = points.filter(|points| !table || *points >= ALONE) {
            let foreign = last_foreign.is_some_and(|last| last > number);
            let talks = *lead == PHRASE && !is_terse(statement);
            let against = 2 * (i32::from(foreign) + i32::from(talks));
            let led = if visit > 0 { (*lead).max(VALUE) } else { *lead };
            // A developer's line may end so, too.
            let end = if led < 0 && statement.before != Before::Start { 0 } else { end };
            let all = place(text, statement, led, takes) + points + visit + end - against;
            let doubtful = all + against >= DOUBTFUL && points >= BEHIND && statement.before != Before::Start;
            if (all >= ENOUGH || doubtful) && best.is_none_or(|(most, _)| all > most) {
                best = Some((all, statement));
            }
        }
        if statement.before != Before::Start && is_foreign(statement, points) {
            // A value is followed by commands at once.
            *lead = (*lead).min(PROSE);
        }
        takes = takes_another(text, statement, takes);
    }
    best
}

/// Whether a statement is neither a command nor a part or the end of one.
fn is_foreign(statement: &Statement, points: Option<i32>) -> bool {
    points.is_none()
        && !statement.words.first().is_some_and(|word| word.text.contains('='))
        && !is_end(statement)
        && !is_neutral(statement)
        && (statement.words.len() > 1 || statement.words.iter().any(|word| word.text.len() > 2))
        && statement.words.iter().any(|word| word.text.starts_with(|first: char| first.is_alphabetic()))
}

/// Whether a substitution behind the statement is an argument of its program.
fn takes_another(text: &[u8], statement: &Statement, before: bool) -> bool {
    let first = statement.words.first().map_or("", |word| word.text.trim_end_matches('('));
    match statement.before {
        Before::Start => before,
        Before::Mark | Before::Pipe | Before::Line => is_known(first) || first.starts_with('['),
        Before::Tick | Before::Dollar => {
            let is_open = statement.before == Before::Dollar && text.get(statement.at.end) != Some(&b')');
            before || matches!(first, "echo" | "print" | "printf") || (is_open && is_known(first))
        }
    }
}
