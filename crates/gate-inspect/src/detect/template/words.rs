//! What gives an expression away as an attack: names that no template needs.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// A rule, and the words that meet it.
type Words = (&'static str, &'static [&'static str]);

/// Within an expression only.
static INSIDE: &[Words] = &[
    (
        "template-python-object",
        &[
            "__",
            "\\x5f",
            ".popen",
            "lipsum",
            "cycler",
            "joiner",
            "namespace.",
            "self._",
            "_templatereference",
            "os.system",
            "os.popen",
            "os.environ",
            "request.application",
            "request.args",
            "request.values",
            "request.cookies",
            "request|",
            "request[",
            "get_flashed_messages",
            "url_for.",
            "import os",
            "subclasses",
            ".mro",
            "attr(",
            "].class",
            "'.class",
            "\".class",
            ").class",
            ".__",
            "subprocess",
            ".func_globals",
        ],
    ),
    (
        "template-java-object",
        &[
            ".getclass",
            "class.forname",
            "java.lang.",
            "java.util.",
            "java.io.",
            "getruntime",
            "processbuilder",
            "scriptengine",
            "javax.script",
            "classloader",
            ".newinstance",
            "ioutils",
            "#this",
            "#context",
            "memberaccess",
            "ognl",
            "applicationscope",
            "facescontext",
            "pagecontext",
            "initparam",
            "groovy",
            ".execute()",
            "t(java",
            "t(org",
            "@java",
            "requestscope",
            "sessionscope",
            "servletcontext",
            ".protectiondomain",
            "springframework",
            "new(",
            "freemarker.",
            ".data_model",
            ".globals",
        ],
    ),
    (
        "template-php-object",
        &[
            "_self",
            "registerundefinedfilter",
            "getfilter(",
            "('system",
            "(\"system",
            "('exec",
            "(\"exec",
            "('passthru",
            "(\"passthru",
            "('shell_exec",
            "(\"shell_exec",
            "('phpinfo",
            "('assert",
            "('file_get",
            "app.request",
            "dump(",
            "source(",
            "file_excerpt",
            "get_user_file",
            "include('/",
            "include(\"/",
            "file_get_contents",
            "phpinfo(",
            "system(",
            "passthru(",
            "shell_exec(",
            "->exec(",
            "|filter(",
            "call_user_func",
            "app.user",
            "'system'",
        ],
    ),
    (
        "template-ruby-call",
        &[
            "%x(",
            "%x[",
            "%x{",
            "file.open",
            "file.read",
            "dir.entries",
            "dir.glob",
            "io.popen",
            "open3",
            "kernel.",
            "self.class",
            "instance_variable",
            "exec(",
            "exec \"",
            "exec '",
            "system '",
            "system \"",
            "eval(",
            "send(:",
            "spawn(",
        ],
    ),
    (
        "template-script-constructor",
        &[
            "constructor",
            "global.process",
            "process.mainmodule",
            "process.env",
            "process.binding",
            "require(",
            "mainmodule",
            "child_process",
            "$on.",
            "$eval",
            "$new.",
            "$parse",
            "tostring.",
            "charat=",
            "charat =",
            "orderby:",
            "alert(",
            "alert`",
            "document.",
            "fromcharcode",
            "prototype",
            ".curry",
            "execsync",
            "lookup(",
            "#with",
            "prompt(",
            "confirm(",
            "import(",
            "settimeout",
            "_openblock",
        ],
    ),
    (
        "template-engine-secret",
        &[
            "config.items",
            "config.iter",
            "config[",
            "config.from",
            "config.__",
            "config|",
            "secret_key",
            ".secret",
            "settings.",
            "messages.storages",
            ".password",
            ".passwd",
            "self.module",
            "self.template",
            "self.attr",
            "self.context",
            "debug ",
            "/etc/",
            "c:\\",
            "../",
            "handler.settings",
            "php_version",
            "settings[",
        ],
    ),
    (
        "template-directive",
        &[
            "range(",
            ".system",
            ".readfile",
            "@system",
            "system.diagnostics",
            "response.write",
            "out.print",
            "server.createobject",
            "server.mappath",
            "import os",
            "process.start",
            "'.touppercase",
            "().",
            "[].",
            "''.",
            "\"\".",
            "<#",
            "#=",
            "reflection.",
            "filestream",
        ],
    ),
];

/// The whole of an expression.
static WHOLE: &[&str] = &[
    "config",
    "self",
    "settings",
    "request",
    "handler",
    "debug",
    "dump",
    "app",
    "_self",
    "session",
    "g",
    ".",
    "_context|keys|join",
];

/// Wherever they stand.
static ANYWHERE: &[Words] = &[
    ("template-python-object", &["__globals__", "__subclasses__", "__builtins__", "__import__(", "__mro__"]),
    (
        "template-java-object",
        &[
            "t(java.",
            "t(org.",
            "freemarker.template.utility",
            "?new()",
            "#_memberaccess",
            "@java.lang",
            "java.lang.runtime)",
            "java.lang.runtime.getruntime",
            "class.module.classloader",
            "getclass().forname",
        ],
    ),
    (
        "template-php-object",
        &[
            "{$smarty",
            "{/php}",
            "{system(",
            "{exec(",
            "{phpinfo(",
            "{shell_exec(",
            "{passthru(",
            "{if system",
            "{if phpinfo",
            "{fetch file=",
            "smarty_internal",
        ],
    ),
    (
        "template-script-constructor",
        &[
            "constructor.constructor",
            "constructor('",
            "constructor(\"",
            "['constructor']",
            "[\"constructor\"]",
            "process.mainmodule.require",
        ],
    ),
    (
        "template-directive",
        &[
            "#set(",
            "#set ($",
            "#set($",
            "#evaluate(",
            "<#assign",
            "<#include",
            "<#import",
            "$class.inspect",
            "@(system.",
            "@system.io",
            "@{system",
            "@html.raw(\"<",
            "math equation=",
            "<%= file.",
            "<%= dir.",
            "<%= system",
        ],
    ),
    ("template-ruby-call", &["#{`", "<%=`", "<%= `", "<%`", "<% `"]),
    ("template-probe", &["${{<%", "<%[%'", "{{<%[", "%>}}%", "{{}}${", "${}#{", "#{}*{", "}}${{", "{#}}{{"]),
];

/// Words of many rules, searched in one pass.
pub(super) struct Search {
    automaton: AhoCorasick,
    owners: Vec<&'static str>,
}

pub(super) static SEARCH_INSIDE: LazyLock<Option<Search>> = LazyLock::new(|| Search::of(INSIDE));
pub(super) static SEARCH_ANYWHERE: LazyLock<Option<Search>> = LazyLock::new(|| Search::of(ANYWHERE));

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&SEARCH_INSIDE);
    LazyLock::force(&SEARCH_ANYWHERE);
}

impl Search {
    fn of(words: &[Words]) -> Option<Self> {
        let all = || words.iter().flat_map(|(rule, words)| words.iter().map(move |word| (*rule, *word)));
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .build(all().map(|(_, word)| word))
            .ok()?;
        Some(Self { automaton, owners: all().map(|(rule, _)| rule).collect() })
    }

    /// The rules that words of a text meet, and where.
    pub(super) fn rules<'a>(&'a self, lower: &'a [u8]) -> impl Iterator<Item = (&'static str, usize)> + 'a {
        let rule =
            |found: aho_corasick::Match| Some((*self.owners.get(found.pattern().as_usize())?, found.start()));
        self.automaton.find_iter(lower).filter_map(rule)
    }
}

/// Whether an expression asks for a whole object with secrets.
pub(super) fn is_secret(expression: &[u8]) -> bool {
    let name = expression.strip_suffix(b"}").unwrap_or(expression).trim_ascii();
    WHOLE.iter().any(|word| word.as_bytes() == name)
}
