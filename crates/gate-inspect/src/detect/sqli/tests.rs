//! SQL as attackers write it, and what only looks like it.

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
        "sqli-union-select",
        &[
            "' union table users--",
            "7' into @a,@b,@c--",
            "7 union select 1,2,3",
            "x' UNION ALL SELECT null,null-- ",
            "7'union\u{a0}select 1,2",
            "-7) uNiOn SeLeCt name,pass from staff",
            "7 union(select(1),(2))",
            "7/**/union/**/select/**/1",
            "7 un/**/ion sel/**/ect 1",
            "7/*!50000union*/ /*!50000select*/ 1,2",
            "7 union -- why\n select 1",
            "7 union#why\nselect 1",
            "7.e union select 1",
            "7+union+select+1,2",
            "x' union+all+select+1",
            "7 ununionion selselectect 1",
            "' union select pass from staff where 'a'='a",
            "union select password from staff",
            "select a from b where c=1' union select 1,2-- ",
            "/*select a from b*/ union select 1,2",
            "-7 union select 1 into @,@",
            "x' minus select 1 from dual--",
            "select * from a where b = 'c' union select 1,2 from dual -- 1",
        ],
    ),
    (
        "sqli-or-1eq1",
        &[
            "7 or 1=1",
            "7 OR 42=42-- ",
            "7 || 5=5",
            "7 xor 1=1",
            "7 or 2>1",
            "7 or 3 like 3",
            "7 or 4 between 1 and 9",
            "7 or 4 in (4)",
            "7)or(1)=(1)",
            "7 oorr 1=1",
            "7 or\t1\n=\n1",
            "7/**/or/**/0x31=0x31",
            "7 or 1#",
            "or true",
            "7 or true-- x",
            "7 or true",
            "7or7=7",
            "7 or crc32('a')=crc32('a')",
            "7\" or 1 mod 2;#",
            "7 or 1;\0",
            " or true-- -",
            "nobody@example.org' or 1=1--",
        ],
    ),
    (
        "sqli-or-string-eq",
        &[
            "' or 'a'='a",
            "' or ''='",
            "\" or \"x\"=\"x",
            "') or ('x'='x",
            "x'or'b'like'b",
            "' or ‘1’=‘1",
            "x' and 'a' between 'a' and 'z",
            "7%' and '%'='",
        ],
    ),
    (
        "sqli-and-1eq1",
        &["7 and 1=1", "7 and 1=2", "7' having 1=1-- ", "7 && 3<4", "7) and (42=42", "7 where 1=1 and 1=0"],
    ),
    (
        "sqli-break-out",
        &[
            "x' - 0 = '1",
            "x' is 0 or '1",
            "1'*a-'0",
            "' AND json_value('{}','$.b')-- -",
            "x'^0+1=(0)-- -",
            "x') and (with recursive c(x) as (select 1) select count(*) from c)>0-- -",
            "x' or length(pass) > 3 or 'y",
            "x' or pass like 'a%",
            "x' and email is not null-- ",
            "' or 1 or '",
            "x'='x",
            "x'||'y",
            "x'^'y",
            "x' like '%",
            "x'=0-- ",
            "many words before the end' or pass like 'a%",
            "many words before the end' or 1-- ",
        ],
    ),
    (
        "sqli-condition",
        &[
            "(case when 1=2 then 1 else null end)",
            "7 + ascii(substring(passwd,1,1))-10",
            "7 || lpad(user,7,1)",
            "7 and current_user=1",
            "7 and ascii(substr((select pass from staff limit 1),1,1))>64",
            "7 and exists(select * from staff)",
            "7 and user()='root'",
            "7) and email like '%@example.org'",
            "7 and (case when 1=1 then 1 else 0 end)=1",
            "if(1=1) select 7 else select 8",
        ],
    ),
    (
        "sqli-comment-dash",
        &[
            "1*1--",
            " ( cos ( 'b') )  --",
            "(select 'a' or 1) --",
            "admin'-- ",
            "admin') -- -",
            "nobody@example.org'--",
            "x\";--",
            "' –",
        ],
    ),
    ("sqli-comment-block", &["1*1/*", "admin'/*", "x')/*"]),
    ("sqli-comment-hash", &["admin' #", "admin'#", "x')#"]),
    (
        "sqli-sleep",
        &[
            "7 or (sleep(5)+1) limit 1 --",
            "7 and sleep(5)",
            "7-sleep(9)#",
            "x'*sleep(5)*'y",
            "7 or pg_sleep(5)",
            "'||dbms_pipe.receive_message('a',5)||'",
            "if(now()=sysdate(),sleep(5),0)",
            "7 and 1=like('a',upper(hex(randomblob(500000000))))",
            "(select(0)from(select(sleep(5)))x)",
            "sleep(1) /*' or sleep(1) or '\" or sleep(1) or \"*/",
            "order by sleep(5)",
        ],
    ),
    ("sqli-benchmark", &["7 or benchmark(9000000,md5(1))"]),
    ("sqli-waitfor", &["7;waitfor delay '0:0:5'", "x') waitfor time '23:00'--"]),
    (
        "sqli-stacked-query",
        &[
            "';if 1=1 drop table users-- -",
            "'; while 1=1 shutdown--",
            "7; delete low_priority from users",
            "7; execute as login 'root'",
            "7; grant all on",
            "7; do $$begin end$$",
            "7; drop table staff",
            "x';delete from staff where 1=1--",
            "x'); insert into staff values(1,2)--",
            "7;update staff set pay=1 where id=7",
            "7; shutdown",
            "x'; exec('sel'+'ect 1')--",
            "7;declare @q varchar(9)",
            "7; set @a=0x31; prepare s from @a",
            "7;select pg_sleep(5)",
            "7;\ncreate or replace function f() returns int as 'x'",
            "7; call danger()",
            "x' insert into staff(a) values(1)--",
            "7; copy t from program 'id'",
            "7; copy (select '') to program 'id'",
            "7; load data infile '/etc/passwd' into table t",
            "7; attach database '/x.php' as y",
            "7; grant all to x",
            "x'; begin declare y int; end--",
            "7; alter login sa enable--",
        ],
    ),
    (
        "sqli-info-schema",
        &[
            "7 and 1<(select count(*) from information_schema.tables)",
            "select table_name from information_schema.tables",
            "(select group_concat(name) from sqlite_master)",
        ],
    ),
    (
        "sqli-subquery",
        &[
            "(select login/2 from users limit 1,1)",
            "7-(select pass from staff limit 1)",
            "x'||(select pass from staff)||'",
            "7 rlike (select (case when 1=1 then 1 else 2 end))",
        ],
    ),
    (
        "sqli-order-by",
        &[
            "7 order by if(1<2,uname,uid)",
            "7 order by 12",
            "x' order by 3-- ",
            "ORDER BY 31",
            "x') group by 1,2#",
            "x' group by pay-- ",
        ],
    ),
    (
        "sqli-error",
        &[
            "7 and extractvalue(1,concat(0x7e,version()))",
            "7 and updatexml(1,concat(0x7e,(select user())),1)",
            "7 and exp(~(select*from(select user())a))",
            "7 and polygon((select*from(select user())a))",
            "7 and (select 1 from(select count(*),concat(version(),floor(rand(0)*2))a from b group by a)c)",
            "7 and 1=convert(int,(select @@version))",
            "7 procedure analyse()",
        ],
    ),
    (
        "sqli-char-codes",
        &["7 and a=char(65)+char(66)", "7 union select char(65,66,67)", "x'||chr(65)||chr(66)"],
    ),
    ("sqli-system-variable", &["7 and @@version like '8%'", "select @@version"]),
    (
        "sqli-file",
        &[
            "7 into outfile ('/tmp/x')",
            "7 union select load_file('/etc/passwd')",
            "7 into outfile '/var/www/x.php'",
            "7 and 1=utl_inaddr.get_host_address('x')",
            "7 and httpuritype('//x').getclob() is null",
        ],
    ),
    (
        "sqli-procedure",
        &["x'; exec master..xp_cmdshell 'dir'--", "7; exec sp_configure 'x',1", "select xp_cmdshell('dir')"],
    ),
    (
        "sqli-stacked-query",
        &[
            "x'; pragma table_info(staff)--",
            "7); show tables#",
            "x'; commit;",
            "x'; backup database master to disk='/tmp/x'--",
            "x'; prepare s from 0x73656c;",
            "x'; lock tables staff write--",
            "declare @s varchar(99) select @s=0x7365 exec(@s)",
            "'; exec('sel'+'ect 1')",
            "'; execute immediate 'sel'||'ect 1'",
        ],
    ),
    (
        "sqli-break-out",
        &[
            "x','y','z')-- -",
            "a'),('b','c",
            "x',now(),1)#",
            "x', admin=1-- -",
            "x',password='y",
            "x' on duplicate key update a='y'-- -",
            "' where name='admin'-- -",
            "admin'+'",
            "'+char(65)+'",
            "'||a.b('c','d')||'",
        ],
    ),
    ("sqli-or-string-eq", &["' or '{\"a\":1}'::jsonb @> '{\"a\":1}'--", "' or '{\"b\":2}'->>'b'='2'--"]),
    (
        "sqli-condition",
        &[
            "7 and 1/0",
            "and user()='root@localhost'",
            "7 and instr(user(),'root')",
            "67-ascii('a')",
            "iif(12=12,12,1/0)",
            "elt(12=12,13)",
            ",(case when 12=12 then 1 else null end)",
        ],
    ),
    (
        "sqli-order-by",
        &["7 order by 1 desc--", "' order by -1-- -", "7 order by (select 1)", "order by sleep(5)"],
    ),
    ("sqli-comment-dash", &["7,8);--", "drop table staff; --", "select a from b where c='d'--"]),
    ("sqli-system-variable", &["@@version"]),
    ("sqli-sleep", &["sleep(5)", "(sleep(5))"]),
    ("sqli-info-schema", &["select user from mysql.user", "select name from master..sysdatabases"]),
];

/// What people and programs say that looks like it from afar.
const BENIGN: &[&str] = &[
    "i--",
    "x = 5 --",
    "3/4 --",
    "'Hello '+name+'!'",
    "'+name+'",
    "missing '>=' operator",
    "press '+' or '-'",
    "it's 5' or 6'",
    "grant all of them access",
    "the union table is set --",
    "2020-2024 –",
    "(see above) --",
    "with one hand and (with care) the other",
    "while you wait; while we update it",
    "don't / can't",
    "a 'foo' / 'bar' pair",
    "select one or the other from the menu",
    "union was a great select",
    "It blocked \"union select\" in a question about trade unions",
    "Why does \"order by 1\" sort by the first column?",
    "The UNION SELECT statement combines two results",
    "O'Brien and D'Angelo or Smith",
    "I'd like one or two, or 3",
    "1=1 is true",
    "is it 1 or 2?",
    "'where' is declared but its value is never read.",
    "echo \"where river like\" > orange.txt",
    "1 or 2 -- maybe",
    "5 or 6 people",
    "2 + 2 = 4 and 3 + 3 = 6",
    "either a=1 or b=2",
    "if (a == 1 || b == 2) return;",
    "a || b && c",
    "if [ \"$a\" = \"$b\" ] || [ \"$c\" = \"d\" ]; then",
    "x = y or 'default'",
    "if x == 'a' or y == 'b':",
    "SELECT * FROM users WHERE id = 1 ORDER BY name;",
    "SELECT a, b FROM t WHERE x = 'y' OR z = 5",
    "SELECT id FROM a WHERE id IN (SELECT id FROM b)",
    "INSERT INTO logs (a, b) VALUES (1, 'x');",
    "CREATE TABLE a (id int); INSERT INTO a VALUES (1); DROP TABLE a;",
    "WHERE name = 'O''Brien' OR name = 'D''Arcy'",
    "DROP me a line; create a table for two",
    "update your profile and set your status",
    "Hurry; delete from your cart what you do not need",
    "please order by 3",
    "order by phone or order by 5pm",
    "sleep(5) pauses for 5 seconds",
    "use Thread.sleep(5) -- not busy waiting",
    "await sleep(1000);",
    "it's -- like so -- an aside",
    "the dogs' -- and cats' -- food",
    "He said \"yes\" -- and left",
    "\"foo\" #comment",
    "# heading",
    "/* TODO: fix */ int x = 1;",
    "m.insert(\"/*path\", true)",
    "raw = r#\"text\"#;",
    ".arg(\"--\")",
    "if (select(fd + 1, &r, NULL, NULL, &tv) > 0) {",
    "5'10\" or 6'1\"",
    "6' or 7' tall, 12\" and 14\" pizzas",
    "\"a\" and \"b\"",
    "'yes' or 'no'",
    "user='bob' and role='admin'",
    "/api/items?filter=a%20eq%201&sort=name--asc",
    "git log --oneline -- path",
    "what does @@version do?",
    "query information_schema.tables for a list",
    "upper-case and lower-case letters",
    "self.a == other.a && self.b == other.b",
    "* `gcc` and `g++` >= 10.1",
    "john+or@var.es",
    "DEAR FINN,--I think it would do",
    "BEGIN; UPDATE items SET name='x' WHERE id=1; COMMIT;",
    "> BEGIN; DELETE FROM logs WHERE id = 1; COMMIT;",
    "You can UNION two selects: SELECT a FROM b UNION SELECT c FROM d",
    "git add .; git commit; git push",
    "open tables; lock tables",
    "first commit; rollback on errors",
    "kill 5 processes; show tables of results",
    "sleep(1)",
    "sleep(\"600\");",
    "print('a','b') # comment",
    "f('a', 'b') -- comment",
    "[('a', 1), ('b', 2)]",
    "('a','b'),('c','d')",
    "Ann said 'yes', then x=5",
    "O'Brien's list: 'a','b','c')",
    "SELECT id FROM items ORDER BY price DESC, id ASC",
    "select count(*) from items group by name order by 1 desc",
    "SELECT version();",
    "PRAGMA table_info(items);",
    "PRAGMA foreign_keys; PRAGMA foreign_keys = boolean; Query or set it",
    "std::vector<int> v; a::b::c x = y::z;",
    "p->next = q->prev or r->next",
    "SELECT 1; -- a test",
    "9 mod 3 or 9 div 3",
    "the union and the minus of both sets",
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
fn talk_about_sql_is_none() {
    let found: Vec<_> =
        BENIGN.iter().filter(|text| !met(text).is_empty()).map(|text| (text, met(text))).collect();
    assert_eq!(found, []);
}

#[test]
fn letters_of_both_cases_are_the_same() {
    for attack in ATTACKS.iter().flat_map(|(_, attacks)| *attacks) {
        assert_eq!(met(&attack.to_ascii_uppercase()), met(attack), "{attack}");
    }
}

#[test]
fn comments_for_spaces_change_nothing() {
    for attack in ["7 union select 1,2", "' or 1 = 1 #", "7 and sleep(5)", "7; drop table staff"] {
        assert_eq!(met(&attack.replace(' ', "/**/")), met(attack), "{attack}");
        assert_eq!(met(&attack.replace(' ', "/*x*//*y*/")), met(attack), "{attack}");
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
