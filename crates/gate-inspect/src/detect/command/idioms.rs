//! Patterns that are commands whatever stands around them.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;
use regex::bytes::Regex;

use super::super::{Hits, Text};
use super::{meet, runs};

/// A rule's pattern, over texts in lower case.
struct Idiom {
    rule: &'static str,
    /// One of these is in every text that it matches.
    hints: &'static [&'static str],
    pattern: &'static str,
}

const fn idiom(rule: &'static str, hints: &'static [&'static str], pattern: &'static str) -> Idiom {
    Idiom { rule, hints, pattern }
}

static IDIOMS: &[Idiom] = &[
    idiom(
        "cmd-bash-reverse",
        &["/dev/tcp", "/dev/udp", "/inet/"],
        r"/(?:dev/(?:tcp|udp)|inet\d?/(?:tcp|udp)/\d+)/[\w.$\{\-]+/",
    ),
    idiom(
        "cmd-reverse-shell",
        &["-i", "socket", "fsockopen", "mkfifo", "pty.spawn"],
        r"\b(?:ba|z|k|da|c|tc)?sh\s+-i\b[^\n]*[<>|]|\bsocket\.socket\s*\([^\n]*(?:connect|dup2)|\buse\s+socket\s*;|\bfsockopen\s*\([^\n]*(?:exec|/bin/|sh\b)|\brsocket\b[^\n]*(?:tcpsocket|exec)|tcpsocket\.(?:new|open)\s*\([^\n]*(?:exec|popen|spawn)|\bmkfifo\s+/|\bpty\.spawn\s*\(|new-object\s+(?:system\.)?net\.sockets",
    ),
    idiom(
        "cmd-netcat",
        &["nc ", "ncat", "netcat", "nc.", "nc\t"],
        r"\b(?:nc|ncat|netcat|nc\.traditional|nc\.exe)\s+(?:-\w+\s+|[\w.]+\s+){0,5}-\w*[ec]\s+(?:/|\w*sh\b|cmd|c:)",
    ),
    idiom(
        "cmd-shellshock",
        &["()", "( )", "(  )", "(\t)"],
        r"\(\s*\)\s*\{\s*[:_\w][^\n}]*;?\s*\}\s*(?:;|>_\[)",
    ),
    idiom("cmd-server-include", &["<!--"], r"<!--\s*#\s*(?:exec|include|echo|config|printenv|set)\b"),
    idiom(
        "cmd-php-code",
        &["<?", "phpinfo", "phpversion", "phpcredits", "${", "print", "$_", "call_user_func", "md5("],
        r"<\?(?:php\b|=|\s)[\s\S]*?(?:\b(?:system|exec|shell_exec|passthru|popen|proc_open|eval|assert|phpinfo|include|require|base64_decode|file_get_contents|create_function)\s*\(|\$_(?:get|post|request|server|cookie)\b|`)|\bphp(?:info|version|credits)\s*\(\s*-?\d*\s*\)|\$\{@?\s*(?:print|eval|system|exec|phpinfo|passthru|die|sleep|md5)\s*\(|\b(?:print|exit|die)\s*\(\s*md5\s*\(|\$_(?:get|post|request|cookie|server)\s*\[[^\]\n]+\]\s*\(|(?:system|exec|shell_exec|passthru|eval|assert|popen|include|require)(?:_once)?\s*\(?\s*\$_(?:get|post|request|server|cookie)|\$_(?:get|post|request)\s*\[\s*['\x22]?(?:cmd|exec|command|shell|0)['\x22]?\s*\]|\bcall_user_func(?:_array)?\s*\(\s*['\x22]",
    ),
    idiom(
        "cmd-powershell",
        &["powershell", "iex", "invoke-", "download"],
        r"\bpowershell(?:\.exe)?\b[^\n]*\s-(?:e|en|enc|enco\w*|nop\w*|noni|w|windowstyle|ep|exec\w*|command|c)\b|\biex\s*\(|\binvoke-(?:expression|webrequest|restmethod|command|mimikatz|shellcode)\b[^\n]*(?:http|\$\(|new-object)|downloadstring\s*\(|downloadfile\s*\(",
    ),
    idiom(
        "cmd-windows-variable",
        &["%comspec%", ":~", "for /"],
        r"%comspec%|%[a-z]{3,20}:~-?\d+,-?\d+%|\bfor\s+/[fldr]\s[^\n]*%\w{1,2}\s+in\b",
    ),
    idiom(
        "cmd-shell-variable",
        &[";$", "|$", "&$", "${path", "${home", "${pwd", "${shell", "${oldpwd", "${ps"],
        r"\$\{(?:path|home|pwd|shell|oldpwd|ps[0-9])(?::\d|%%|##)|[;|&]\s*\$\w{1,16}\$\w",
    ),
    idiom(
        "cmd-decode-run",
        &["base64", "xxd", "rev", "openssl", "printf", "echo", "<<<", "sh <(", "eval", "$'"],
        r"(?:base64\s+(?:-d|--decode|-di)|xxd\s+-r|\brev\b|openssl\s+(?:enc|base64)[^|\n]*-d|printf\s[^|\n]+|echo\s[^|\n]+)[^|\n]*\|\s*(?:/bin/|/usr/bin/)?(?:ba|z|da|k)?sh\b|\b(?:ba)?sh\s*<<<|\$\(\s*(?:rev|base64|xxd|printf)\b|\b(?:ba|z|da)?sh\s+<\(|\beval\s+[`$]\(?(?:echo|base64|printf)|\|\s*base64\s+(?:-d|--decode)|\$'[^'\n]{0,64}\\(?:x[0-9a-f]{2}|[0-7]{2,3})",
    ),
    idiom(
        "cmd-glob-path",
        &["/?", "?/", "??", "/bin/", "/usr/", "/etc/"],
        r"/(?:[a-z]*\?[a-z?*]*|\?{2,})/[\w?*\[\]-]*[?*][\w?*]*|/(?:bin|usr|etc)/[a-z]{0,8}[?*\[][\w?*\[\]]*\s+/|/(?:bin|usr/bin)/[a-z]{0,6}[?*\[][\w?*\[\]]{1,12}",
    ),
    idiom(
        "cmd-blank-variable",
        &["$ifs", "${ifs", "ifs="],
        r"[\w'\x22})\]]\$\{?ifs\b|\$\{?ifs\}?[\w/$-]|\bifs=[^\s;$'\x22];",
    ),
    idiom(
        "cmd-spreadsheet",
        &["|'", "| '"],
        r"\b(?:cmd|msexcel|powershell|rundll32|mshta|certutil)(?:\.exe)?\s*\|\s*'[^'\n]*'!",
    ),
    idiom(
        "cmd-escaped-argument",
        &[
            "--exec",
            "--upload-pack",
            "--receive-pack",
            "--use-compress",
            "--checkpoint-action",
            "--open-files",
            "--to-command",
            "--rsh",
            "proxycommand",
            "--post-file",
            "ld_preload",
            "bash_env",
            "prompt_command",
        ],
        r"--(?:exec|upload-pack|receive-pack|use-compress-program|checkpoint-action|open-files-in-pager|to-command|rsh)\s*=\s*['\x22]?[`$\w/]|-oproxycommand\s*=|--post-file[=\s]+/|(?:ld_preload|bash_env|prompt_command)\s*=\s*['\x22/$`(]",
    ),
];

static CALL: &str = r"(?:^|[^\w.]|\)\.)(?:(?:[\w$]+(?:\.|->|::))*(?:system|exec|execsync|shell_exec|passthru|popen|popen2|popen3|proc_open|pcntl_exec|eval|assert|spawn|spawnsync|execfile|getoutput|check_output|check_call|backticks|start_process|processbuilder)|subprocess\.(?:run|call|popen)|os\.(?:system|popen|exec\w*|spawn\w*))\s*\(\s*(?:new\s+string\s*)?[\[\{(]{0,2}\s*(?:['\x22`]{1,3}|\$\(|%q)([^)\n]+)";

/// The names in [`CALL`].
static CALL_HINTS: &[&str] = &[
    "system",
    "exec",
    "passthru",
    "popen",
    "proc_open",
    "eval",
    "assert",
    "spawn",
    "subprocess",
    "getoutput",
    "check_output",
    "check_call",
    "backticks",
    "start_process",
    "processbuilder",
];

struct Patterns {
    /// Of each idiom in turn, then of calls.
    hints: AhoCorasick,
    /// The idiom that each hint is of; calls come behind the last.
    owners: Vec<usize>,
    idioms: Vec<Regex>,
    call: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let compile = |pattern: &str| Regex::new(&format!("(?-u){pattern}")).ok();
    let lists = || IDIOMS.iter().map(|idiom| idiom.hints).chain([CALL_HINTS]);
    let owners = lists().enumerate().flat_map(|(owner, hints)| hints.iter().map(move |_| owner));
    Some(Patterns {
        hints: AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(lists().flatten()).ok()?,
        owners: owners.collect(),
        idioms: IDIOMS.iter().map(|idiom| compile(idiom.pattern)).collect::<Option<_>>()?,
        call: compile(CALL)?,
    })
});

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    let Some(patterns) = &*PATTERNS else { return };
    let mut hinted: u64 = 0;
    for hint in patterns.hints.find_overlapping_iter(text.lower) {
        hinted |= patterns.owners.get(hint.pattern().as_usize()).map_or(0, |owner| 1 << owner);
    }
    if hinted == 0 {
        return;
    }
    for (number, (idiom, regex)) in IDIOMS.iter().zip(&patterns.idioms).enumerate() {
        let found = if hinted & 1 << number == 0 { None } else { regex.find(text.lower) };
        if let Some(found) = found {
            meet(idiom.rule, found.range(), hits);
        }
    }
    if hinted & 1 << IDIOMS.len() != 0 {
        let calls = patterns.call.captures_iter(text.lower).filter_map(|call| call.get(1));
        if let Some(argument) = calls
            .into_iter()
            .find(|argument| is_script(argument.as_bytes()) || runs(first(argument.as_bytes())))
        {
            meet("cmd-function-call", argument.range(), hits);
        }
    }
}

/// The first of several arguments, up to its closing quote.
fn first(arguments: &[u8]) -> &[u8] {
    let is_end = |pair: &[u8]| matches!(pair, [b'\'' | b'"', b',']);
    let end = arguments.windows(2).position(is_end).unwrap_or(arguments.len());
    arguments.get(..end).unwrap_or(arguments)
}

/// Python that reaches for the system.
fn is_script(argument: &[u8]) -> bool {
    ["import os", "import sub", "os.system", "__import__"]
        .iter()
        .any(|word| memmem::find(argument, word.as_bytes()).is_some())
}
