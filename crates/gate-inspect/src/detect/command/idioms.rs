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
        &[
            "<?",
            "echo `",
            "echo`",
            ".(",
            "${_",
            "phpinfo",
            "phpversion",
            "phpcredits",
            "${",
            "print",
            "$_",
            "call_user_func",
            "md5(",
        ],
        r"<\?(?:php\b|=|\s)[\s\S]*?(?:\b(?:system|exec|shell_exec|passthru|popen|proc_open|eval|assert|phpinfo|include|require|base64_decode|file_get_contents|create_function)\s*\(|\$_(?:get|post|request|server|cookie)\b|`)|\bphp(?:info|version|credits)\s*\(\s*-?\d*\s*\)|\$\{@?\s*(?:print|eval|system|exec|phpinfo|passthru|die|sleep|md5)\s*\(|\b(?:print|exit|die)\s*\(\s*md5\s*\(|\$_(?:get|post|request|cookie|server)\s*\[[^\]\n]+\]\s*\(|(?:system|exec|shell_exec|passthru|eval|assert|popen|include|require)(?:_once)?\s*\(?\s*\$_(?:get|post|request|server|cookie)|\$_(?:get|post|request)\s*\[\s*['\x22]?(?:cmd|exec|command|shell|0)['\x22]?\s*\]|^\s*echo\s*`[^`]+`\s*;|\(\w{1,12}\.\(\w{1,12}\)(?:\.\w{1,12})?\)\s*\(|\$\{_(?:get|post|request|cookie|server)\}|\bcall_user_func(?:_array)?\s*\(\s*['\x22]",
    ),
    idiom(
        "cmd-powershell",
        &[
            "powershell",
            "iex",
            "invoke-",
            "download",
            "]::",
            "$env:",
            "$psversion",
            "$executioncontext",
            " env:",
            "+\"",
            "+'",
        ],
        r"\bpowershell(?:\.exe)?\b[^\n]*\s-(?:e|en|enc|enco\w*|nop\w*|noni|w|windowstyle|ep|exec\w*|command|c)\b|\$executioncontext\.invoke|\biex\s*(?:\(|[\x22\x27]\$\()|\binvoke-(?:expression|webrequest|restmethod|command|mimikatz|shellcode)\b[^\n]*(?:http|\$\(|new-object)|downloadstring\s*\(|downloadfile\s*\(|\|\s*iex\b|\[(?:system\.)?(?:diagnostics\.process|net\.dns|reflection\.assembly|scriptblock)\]::|[;&|\n]\s*(?:\[(?:system\.)?environment\]::|\$env:\w+\s*(?:$|[;#|&])|\$psversiontable\b|(?:ls|dir|gci)\s+env:)|[.&]\s*\(\s*['\x22]\w+['\x22]\s*\+\s*['\x22]",
    ),
    idiom(
        "cmd-windows-variable",
        &[
            "%comspec%",
            ":~",
            "for /",
            ")do",
            ") do",
            "exist ",
            "defined ",
            "errorlevel",
            " equ ",
            " neq ",
            " gtr ",
            " geq ",
            " lss ",
            " leq ",
            "cmdextversion",
            "%1",
            "\"%",
            "%=",
            "%\"=",
            "%]=",
            "&set ",
            "& set ",
        ],
        r"%comspec%|%[a-z]{3,20}:~-?\d+,-?\d+%|\bfor\s+/[fldr]\s[^\n]*%\w{1,2}\s+in\b|\bset\s+\w+=\S+\s*&+\s*(?:set\s+\w+=|call\s+%|%\w+%)|\bfor\s+(?:/\w\s+(?:['\x22][^'\x22\n]{0,32}['\x22]\s+)?)?%{1,2}(?:[^\s\w]|\w{1,16})\s+in\s*\([^\n]{0,256}?\)\s*do\b|(?:^|[;&|\n'\x22])\s*if\s+(?:/i\s+)?(?:not\s+)?(?:(?:exist|defined)\s+[\w.:\\%*\x22]+\s+(?:\(|echo\b|cmd\b|goto\b|set\b|del\b|copy\b|start\b|call\b)|errorlevel\s+\d+\s|cmdextversion\s|\S{1,24}\s+(?:equ|neq|lss|leq|gtr|geq)\s|[\x22\[]?%[\w%]{1,16}[\x22\]]?\s?==)",
    ),
    idiom(
        "cmd-shell-variable",
        &[
            ";$",
            "; $",
            "|$",
            "&$",
            "${path",
            "${home",
            "${pwd",
            "${shell",
            "${ls_colors",
            "${oldpwd",
            "${ps",
            "$(($((",
            "$((~$((",
        ],
        r"\$\(\(~?\$\(\(|\$\{(?:path|home|pwd|shell|oldpwd|ps[0-9])(?::~?[\da-z]|::|:\$\{|%%|##)|[;|&]\s*\$\w{1,16}\$\w|(?:^|[;&|\n'\x22])\s*(?:export\s+|alias\s+)?[a-z_]\w{0,15}=(?:\$?\\?['\x22][a-z/][^'\x22\n]{0,60}['\x22]|[a-z/][\w/.]{1,32})(?:;\s*[a-z_]\w{0,15}=['\x22]?[\w/.]{1,32}['\x22]?)*;\s*\$\{?[a-z_]\w{0,15}\}?\s*(?:$|[/;|&'\x22#]|\$)|\$\{ls_colors:\d",
    ),
    idiom(
        "cmd-decode-run",
        &["base64", "xxd", "rev", "openssl", "printf", "echo", "<<<", "sh <", "sh<", "eval", "$'"],
        r"(?:base64\s+(?:-d|--decode|-di)|xxd\s+-r|\brev\b|openssl\s+(?:enc|base64)[^|\n]*-d|printf\s[^|\n]+|echo\s[^|\n]+)[^|\n]*\|\s*(?:/bin/|/usr/bin/)?(?:ba|z|da|k)?sh\b|\b(?:ba)?sh\s*<<<|^\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\s*<<-?\s*[\x22\x27]?[a-z]|\$\(\s*(?:rev|base64|xxd|printf|tr)\b|\b(?:ba|z|da)?sh\s+<\(|\beval\s+[`$]\(?(?:echo|base64|printf)|\|\s*base64\s+(?:-d|--decode)|\$'[^'\n]{0,64}\\(?:x[0-9a-f]{2}|[0-7]{2,3})",
    ),
    idiom(
        "cmd-decode-run",
        &[
            "|$", "| $", "0<<<", "0}<<<", "1<<1", "\\x", "\\0", "\\1", "echo ", "|sh", "| sh", "|bash",
            "| bash",
        ],
        r"\|\s*\$\{?(?:0|shell|bash)\b|\$\{?0\}?\s*<<<|\(\(1<<1\)\)#[01]{3}|(?:\$\(|`)\s*(?:echo\s+-\w*e\w*|printf)\s+['\x22]?[^)`\n]{0,200}\\(?:x[0-9a-f]{2}|0?[0-7]{3})|\$\(\s*(?:echo|printf)\b[^)\n]{0,64}\|\s*(?:tr|rev|xxd|cut)\b[^)\n]{0,64}\)[\w/$]|\b(?:cat|ls|head|tail|more|less|dir)\s+(?:\$\(|`)\s*(?:echo|printf)\s+['\x22]?/(?:etc|root|proc|home|var)\b|\bcat\s[^|\n]{1,48}\|\s*(?:/bin/)?(?:ba|z|da|k)?sh\s*$",
    ),
    idiom(
        "cmd-loop",
        &[
            "; do",
            ";do",
            "|:&",
            "| :",
            "|f&",
            "; then",
            ";then",
            "case $(",
            "case `",
            "case \"$(",
            "mapfile",
            "readarray",
            "< /etc",
            "</etc",
            ") ==",
            ") = ",
        ],
        r"\(\)\s*\{\s*[:\w]\s*\|\s*[:\w]\s*&\s*\}|\b(?:done|fi|esac)\b\s*<{1,3}\s*['\x22]?(?:/(?:etc|root|proc)/|<?\(|\$\()|\bfor\s+\w+\s+in\s+(?:\$\(|`)[^\n]{0,200}?\bdo\s+(?:host|nslookup|dig|curl|wget|ping|nc)\b[^\n]{0,120}\$|\bfor\s+\w+\s+in\s+(?:\$\(|`)\s*(?:cat\s+/|ls\s+/\s*\)|ls\s+/(?:etc|root|home)|whoami|id\b|find\s+/)|\bfor\s+\w+\s+in\s+/(?:etc|root|proc)/\S{0,64}\s*;?\s*do\b|\bif\s+\[+\s+['\x22]?(?:\$\(|`)\s*(?:whoami|id|uname|cat|hostname|head|cut)\b|(?:^|[;&|])\s*\[+\s+['\x22]?(?:\$\(|`)\s*(?:whoami|id|uname|cat|hostname|head|cut)\b|\bif\s+(?:\[+|test)\s+-[fedrwxs]\s+/etc/(?:passwd|shadow)|\bcase\s+['\x22]?(?:\$\(|`)\s*(?:id|whoami|uname|cat|hostname)\b|\b(?:mapfile|readarray)\b[^\n<]{0,32}<\s*/|\bread\s+(?:-\w+\s+)?\w+\s*<\s*/etc/|\bwhile\s+(?:true|:|1)\s*;\s*do\s+(?:nc|id|whoami|sh|bash)\b|\buntil\s+(?:id|whoami|nc)\b[^\n]{0,64};\s*do\b",
    ),
    idiom(
        "cmd-function-call",
        &[
            " -c ", " -e ", " -r ", " -c'", " -e'", " -r'", " -c\"", " -e\"", " -r\"", "-ne ", "-re ",
            "-rsocket", "--eval", "getline",
        ],
        r"\b(?:python[\d.]*|perl|ruby|php[\d.]*|node(?:js)?|lua[\d.]*|tclsh|osascript|deno|bun)(?:\.exe)?\s+(?:-\w+\s+){0,3}(?:-\w*[cer]|--eval|eval)\s*['\x22][^\n]{0,512}?(?:socket\.socket|socket_create|fsockopen|tcpsocket|\buse\s+(?:io::)?socket|['\x22]socket['\x22]|%x[({\[]|[^.\w]system\s*[('\x22 ]|os\.(?:system|popen|exec|spawn|execute)|[^.\w]exec\s*[('\x22 ]|\bspawn|popen|child_process|spawn_sync|['\x22]net['\x22]\)|/etc/|/root/|/bin/(?:ba)?sh|urlopen\s*\(|require\([\x22\x27]https?[\x22\x27]\)|subprocess\.|\bpty\b|base64_decode|b64decode|passthru|do shell script)|\b(?:perl|ruby|php[\d.]*)\s+-\w*[er]\s*(?:'[^'\n]{0,200}`[^'`\n]{1,80}`|\x22[^\x22\n]{0,200}`[^\x22`\n]{1,80}`)|\bawk\s+'\s*begin\b[^\n]{0,64}\|\s*getline",
    ),
    idiom(
        "cmd-shell-variable",
        &[",,}", "^^}", "@l}", "@u}"],
        r"\b\w+=['\x22]?[\w/]+['\x22]?\s*[;&\n][^\n]{0,64}\$\{\w+(?:,,|\^\^|@[lu])\}",
    ),
    idiom(
        "cmd-escaped-argument",
        &[
            "-cmd-prefix=",
            "--gpu-launcher",
            "unixexec:",
            "-o'sh",
            "-osh",
            "-o/bin",
            "{,-",
            "-og /",
            "--browser-subprocess",
            "-x/",
            "-oqueuedirectory",
            "-o /",
            "-t /",
            "-d @/",
            "-d@/",
            "=@/",
            "-k /",
            "-x /",
            "-il /",
            "--upload-file",
            "--config=/",
            "--pager=",
            "--file /",
            "--eval=",
            "-exec ",
            "-e sh",
            "-e 'sh",
            "-e /bin",
            "-e bash",
            "--output=/",
            "-output /",
        ],
        r"\bunixexec:path=|\s-o[\x22\x27]?(?:/bin/)?(?:ba)?sh\b|\s\{,-\w+\}\s|--(?:renderer|utility|ppapi-plugin)-cmd-prefix=|--gpu-launcher=|--browser-subprocess-path=|\s-x/\S+\.php\b|-oqueuedirectory=|^\s*['\x22]?(?:https?://\S+\s+)?-{1,2}[a-z][a-z-]{0,24}[=\s]?@?(?:/etc/(?:passwd|shadow|hosts|group)|/proc/self|/root/|/var/www/)\S*['\x22]?(?:\s+https?://\S+)?\s*$|^\s*-f\s+\w+=@/|^\s*-o\s+/\S+\s+https?:|^\s*-o\s+/var/www|^\s*--(?:pager|eval)=['\x22]?(?:id|whoami|ls|sh|bash|cat)\b|^\s*-exec\s+(?:id|whoami|ls|sh|bash|cat|/bin/\w+)\b|^\s*-e\s+['\x22]?(?:/bin/)?(?:ba)?sh\b",
    ),
    idiom(
        "cmd-glob-path",
        &["/?", "?/", "??", "/bin/", "/usr/", "/etc/", "/e?", "/et*", "/et?", "/b*", "/b?", ",-"],
        r"/s?bin/\w{0,8}(?:`|\$\()|/etc/\w*(?:\[[a-z]\]|\{\w*,\w*\})\w*|/(?:bin|usr/bin)/[a-z]\?\s*(?:$|[;&|])|/(?:[bu][a-z?*]{0,3}[?*][a-z]{0,2}|\?in|\?\?n)/(?:[a-z?*]{2,4}/)?(?:ls|id|cat|sh|bash|nc|ps|whoami|uname|wget|curl)\b|/e[a-z]?[?*]c?/[a-z?*]*[?*][a-z?*]*|\{[a-z]{1,4},-[a-z]{1,4}\}[a-z]{1,6}\b|/(?:[a-z]*\?[a-z?*]*|\?{2,})/[\w?*\[\]-]*[?*][\w?*]*|/(?:bin|usr|etc)/[a-z]{0,8}[?*\[][\w?*\[\]]*\s+/|/(?:bin|usr/bin)/[a-z]{0,6}[?*\[][\w?*\[\]]{1,12}",
    ),
    idiom(
        "cmd-blank-variable",
        &["$ifs", "${ifs", "ifs="],
        r"[\w'\x22})\]]\$\{?ifs\b|\$\{?ifs\}?[\w/$-]|\bifs=[^\s;$'\x22];",
    ),
    idiom(
        "cmd-spreadsheet",
        &["|'", "| '", "dde(", "dde (", "webservice", "importxml", "importdata"],
        r"\b(?:cmd|msexcel|powershell|rundll32|mshta|certutil)(?:\.exe)?\s*\|\s*'[^'\n]*'!|\bdde\s*\(\s*['\x22]cmd|=\s*(?:webservice|importxml|importdata|importfeed|importhtml|importrange)\s*\(",
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
            "core.pager",
            "core.sshcommand",
            "core.fsmonitor",
            "--unzip-command",
            "git_ssh",
            "perl5opt",
            "pythonstartup",
            "rubyopt",
            "node_options",
            "java_tool_options",
            "ps4=",
            "bash_func",
            "-exec",
            "ext::",
            "-ex",
            "\\! ",
            ":!",
            "'!",
            "\"!",
            ".shell ",
            "=/tmp",
            "alias.",
            "1e ",
            "--interactive",
            "--script=",
            "system(",
        ],
        r"--(?:exec|upload-pack|receive-pack|use-compress-program|checkpoint-action|open-files-in-pager|to-command|rsh)\s*=\s*['\x22]?[`$\w/]|-o\s*proxycommand\s*=|--post-file[=\s]+/|(?:ld_preload|bash_env|prompt_command)\s*=\s*['\x22/$`(]|\bcore\.(?:pager|sshcommand|fsmonitor)\s*=\s*[^\s\d]|--unzip-command|\bgit_ssh(?:_command)?\s*=\s*['\x22]?(?:[^s'\x22\s]|s[^s])|\b(?:perl5opt|pythonstartup|rubyopt)\s*=\s*[-/]|\bnode_options\s*=\s*['\x22]?--require|\bjava_tool_options\s*=\s*['\x22]?-(?:agent|javaagent)|\bps4\s*=\s*['\x22]?[$`]|\bbash_func_\w+(?:%%|\(\))|\bfind\s+\S+[^\n;|&]{0,64}\s-exec(?:dir)?\s+(?:/bin/|/usr/bin/)?(?:id|whoami|ba?sh|sh|nc)\b|\bext::\w*sh\b|-c\s*['\x22]?:?!|\s-ex\s*['\x22]!|-e\s*['\x22]\\!|-c\s*['\x22]\\!|\.shell\s+\w+['\x22]|\balias\.[\w-]+=[\x22\x27]?!|\bpath=/tmp\b|\bsed\s[^\n]{0,24}1e\s|\bnmap\s+--(?:interactive|script=/)|\bawk\s[^\n]{0,32}\bsystem\s*\(",
    ),
    idiom(
        "cmd-function-call",
        &[
            "array_",
            "usort",
            "uasort",
            "uksort",
            "_callback",
            "call_user_func",
            "register_shutdown",
            "ob_start",
            "'sys",
            "\"sys",
            "='",
            "=\"",
            "= '",
            "= \"",
            "create_function",
            "/e'",
            "/e\"",
        ],
        r"\b(?:array_\w+|u[ak]?sort|preg_replace_callback|call_user_func(?:_array)?|register_\w+|ob_start|iterator_apply)\s*\([^\n]{0,256}?['\x22](?:system|exec|shell_exec|passthru|assert|phpinfo|popen|proc_open|eval)['\x22]|\(\s*['\x22]\w{1,16}['\x22]\s*\.\s*['\x22]\w{1,16}['\x22]\s*\)\s*\(|\$\w+\s*=\s*['\x22](?:system|exec|shell_exec|passthru|assert|popen|proc_open)['\x22]\s*;[^\n]{0,64}?\$\w+\s*\(|\$\w+\s*=\s*[\x22\x27]\w{1,12}[\x22\x27](?:\s*\.\s*[\x22\x27]\w{1,12}[\x22\x27])+\s*;[^\n]{0,64}?\$\w+\s*\(|\bpreg_replace\s*\(\s*['\x22]/[^\n]{0,64}/\w*e\w*['\x22]",
    ),
    idiom(
        "cmd-php-code",
        &[
            "scandir",
            "glob(",
            "show_source",
            "highlight_file",
            "readgzfile",
            "(~%",
            "\"|\"%",
            "'|'%",
            "session_id",
            "base64_decode",
            "system(chr",
            "system(whoami",
            "system(id",
            "system(ls",
            "system '",
            "system \"",
            "^%",
            "hex2bin",
            "getenv(",
            "')(",
            "\")(",
            "'(",
            "ffi::",
            "create_function",
            "getallheaders",
            "call_user_func",
            "array_map",
            "array_filter",
            "include",
            "require",
            "readfile",
            "file_get_contents",
            "language=",
            "var_dump",
            "print_r",
        ],
        r"\bscandir\s*\(\s*(?:['\x22][/.]|dirname|getcwd|pos\s*\(|chr\s*\()|\b(?:print_r|var_dump|var_export|implode)\s*\([^\n]{0,24}\bglob\s*\(\s*['\x22][/.*]|\b(?:show_source|highlight_file|readfile|readgzfile|file_get_contents)\s*\(\s*(?:['\x22](?:/etc/|/flag|/proc/|/var/log|php:|\.\./|c:)|scandir|current\s*\(|next\s*\(|end\s*\(|array)|\(\s*~(?:%[0-9a-f]{2}){3}|(?:%[0-9a-f]{2}){3}\s*\^\s*(?:%[0-9a-f]{2}){3}|(?:%[0-9a-f]{2}){2}[\x22\x27]\s*[|^&]\s*[\x22\x27](?:%[0-9a-f]{2}){2}|\bsystem\s*\(\s*(?:whoami|id|ls|pwd|uname)\s*\)|^\s*system\s+[\x22\x27](?:whoami|id|ls|pwd|uname|cat|ping|curl|wget|nc|sleep)\b|(?:^|[;\x22\x27])\s*(?:echo\s+)?(?:show_source|highlight_file|readgzfile|file_get_contents)\s*\(\s*[\x22\x27][^\x22\x27\n]{1,64}[\x22\x27]\s*\)\s*;|['\x22](?:system|phpinfo|exec|shell_exec|passthru|assert)['\x22]\s*\)?\s*\(|\b(?:include|require)(?:_once)?\s*\(?\s*['\x22](?:/etc/|/flag|/proc/|/var/log|php:|data:)|\bffi::cdef\b|\bcreate_function\s*\(|\b(?:system|exec|eval|assert|passthru)\s*\(\s*(?:end|next|current|pos|getallheaders|implode|hex2bin|base64_decode|chr|strrev|array_pop|session_id|getenv|shell_exec)\s*\(|<script\s+language\s*=\s*['\x22]?php|\b(?:var_dump|print_r)\s*\(\s*(?:shell_exec|system|exec|getallheaders|get_defined_vars)\s*\(|\b(?:call_user_func\w*|array_\w+)\s*\([^\n;]{0,48}\$_(?:get|post|request|cookie)\b",
    ),
    idiom(
        "cmd-deserialized",
        &[
            "!!",
            "!ruby/",
            "\nsystem",
            "\\nsystem",
            "\npopen",
            "_$$nd_func$$_",
            "\n(s'",
            "\\n(s'",
            "cposix",
            "cos\n",
        ],
        r"!!python/(?:object|name|module)|!!javax\.script|!!java\.net\.url|!!com\.sun\.|!ruby/(?:object|hash)|\bc(?:os|posix|nt|subprocess|commands|__builtin__|builtins)(?:\n|\\n)\w+(?:\n|\\n)|_\$\$nd_func\$\$_",
    ),
    idiom(
        "cmd-script-host",
        &[
            "wscript.shell",
            "shell.application",
            ".execute()",
            "<cfexecute",
            "groovy",
            "mainmodule",
            "%x",
            "qx",
            "send(",
            "os.exec",
            "execute(",
            "execsync",
            "runtime.getruntime",
            "subprocess.",
            ".system(b",
            "rmtree(",
            "os.listdir",
            "os.walk",
            "os.remove",
            "os.unlink",
            "os.rmdir",
            "import socket",
            "exec(",
            "compile(",
            "getattr(os",
            "'/etc/",
            "\"/etc/",
            "readdirsync",
            "process.start",
            "java.lang.processbuilder",
        ],
        r"\bwscript\.shell\b|\bshell\.application\b|['\x22\]]\s*\.execute\(\)|<cfexecute\b|\bmainmodule\s*\.|\bsubprocess\.(?:run|popen|call|check_output|check_call|getoutput)\s*\(\s*\[?\s*b?[\x22\x27](?:/bin/)?(?:cat|ls|id|whoami|sh|bash|rm|curl|wget|nc|uname|ping)\b|\.system\(\s*b[\x22\x27]|\bos\.(?:listdir|walk|remove|unlink|rmdir|removedirs)\s*\(\s*['\x22]/|\bimport\s+socket\s*,\s*subprocess|\bexec\s*\(\s*(?:open|compile|__import__|base64|bytes)\b|\bcompile\s*\(\s*['\x22]import\b|\bgetattr\s*\(\s*os\b|\bshutil\.rmtree\s*\(\s*[\x22\x27][/~]|\breaddirsync\s*\(\s*[\x22\x27][./]{1,2}[\x22\x27]|\b(?:open|fopen|file|readfile|readfilesync|createreadstream|file_get_contents|file\.read|io\.read)\s*\(\s*[\x22\x27]/etc/(?:passwd|shadow)|\brequire\(\s*['\x22]child_process['\x22]\s*\)|\bruntime\.getruntime\(\)\.exec\s*\(|\bdiagnostics\.process\]?(?:\.|::)start\b|(?:^|[^\w])(?:%x|qx)\s*[(\[{|/]\s*(?:id|whoami|ls|cat|uname|ping|curl|wget|nc|sleep|dir|touch|calc|rm|echo|bash|sh|/bin/\w+)\b|\bsend\s*\(\s*:(?:system|exec|eval)\b|\bos\.exec\s*\(\s*\w",
    ),
    idiom(
        "cmd-pipe-shell",
        &[
            "curl ",
            "wget ",
            "telnet",
            "mknod",
            "zsh/net",
            "xterm",
            "{bash,-i}",
            "base64,-d",
            "dev/tcp",
            "fork",
            ":|:",
        ],
        r"\btelnet(?:://)?\s*\S+\s+\d+\s*(?:\d?<\S+\s*)?\|\s*(?:/bin/)?\w*sh\b|\bmknod\s+\S+\s+p\b|\b(?:curl|wget)\s[^|\n]{0,120}(?:http://|\b\d{1,3}(?:\.\d{1,3}){3})[^|\n]{0,120}\|\s*(?:sudo\s+)?(?:/bin/)?(?:ba|z|da|k)?sh\b|\bzmodload\s+zsh/net|\bxterm\s+-display\b|\{base64,(?:-d|-{2}decode)\}|:\(\)\s*\{\s*:\|:",
    ),
];

static CALL: &str = r"(?:^\.?|[^\w.]|\)\.|['\x22]\s*\.\s*)(?:(?:[\w$]+(?:\(\))?(?:\.|->|::))*(?:system|exec|execsync|execfilesync|shell_exec|passthru|popen|popen2|popen3|popen2e|capture2e?|capture3|pipeline|proc_open|pcntl_exec|eval|assert|spawn|spawnsync|execfile|getoutput|getstatusoutput|check_output|check_call|backticks|start_process|processbuilder|shellexecute|winexec|exec\.command|process\.start|wscript\.shell\x22?\)?\.(?:run|exec)|wscript\.shell'\)\.(?:run|exec)|shell|wscript\.run|deno\.run|deno\.command|bun\.spawn|os\.execute|io\.popen|syscall)|subprocess\.(?:run|call|popen)|os\.(?:system|popen|exec\w*|spawn\w*)|wscript\.shell\.run|open)\s*\(\s*(?:new\s+string\s*(?:\[\])?\s*|new\s+java\.lang\.string\s*(?:\[\])?\s*)?[\[\{(]{0,2}\s*(?:cmd\s*:\s*\[)?\s*(?:['\x22`]{1,3}|\$\(|%q)([^)\n]+)";

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
    "capture",
    "pipeline",
    "shell",
    "command",
    "process.start",
    "wscript",
    "deno.",
    "open(",
    "os.execute",
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

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&PATTERNS);
}

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
        if let Some(argument) = calls.into_iter().find(|argument| {
            let whole = argument.as_bytes();
            is_script(whole) || is_shell(first(whole)) || runs(piped(first(whole)))
        }) {
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

/// A text without the mark by which a file's name is a command (`|id`).
fn piped(argument: &[u8]) -> &[u8] {
    argument.strip_prefix(b"|").unwrap_or(argument)
}

/// Whether all of an argument is a program that runs commands.
fn is_shell(argument: &[u8]) -> bool {
    let end =
        argument.iter().rposition(|byte| !matches!(byte, b'\'' | b'"' | b'`')).map_or(0, |last| last + 1);
    let name = argument.get(..end).unwrap_or_default();
    let name = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default();
    let name = name.strip_suffix(b".exe").unwrap_or(name);
    matches!(
        name,
        b"sh"
            | b"bash"
            | b"zsh"
            | b"cmd"
            | b"powershell"
            | b"pwsh"
            | b"calc"
            | b"notepad"
            | b"id"
            | b"whoami"
    )
}

/// Code that reaches for the system, within the text that a call evaluates.
fn is_script(argument: &[u8]) -> bool {
    [
        "import os",
        "import sub",
        "os.system",
        "__import__",
        "system('",
        "system(\"",
        "exec('",
        "exec(\"",
        "passthru(",
        "child_process",
    ]
    .iter()
    .any(|word| memmem::find(argument, word.as_bytes()).is_some())
}
