"""Messages in the manner of RFC 4475, by the names that they have there, in words of our own.

A `Case` says what may become of the message at a proxy that reads no more of it than it needs:
`passes` it must, with everything it does not own unchanged; `refused` it must be, with one of these
statuses, or without any answer where `silent`; the others may be either.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One message."""

    name: str
    raw: bytes
    passes: bool = False
    statuses: tuple[int, ...] = ()
    silent: bool = False

    @property
    def either(self) -> bool:
        """Whether both are right: to pass it on, or to refuse it with 400."""
        return not self.passes and not self.statuses and not self.silent


def message(first: str, *lines: str, body: str = "", without: tuple[str, ...] = ()) -> bytes:
    """A message whose lines take the place of those that it would have."""
    method = first.split()[0] if not first.startswith("SIP/") else "INVITE"
    fields = {
        "via": "Via: SIP/2.0/WS torture.invalid;branch=z9hG4bKtorture",
        "from": "From: <sip:a@example.test>;tag=1",
        "to": "To: <sip:b@sip.example.test>",
        "call-id": "Call-ID: torture@example.test",
        "cseq": f"CSeq: 8 {method}",
        "max-forwards": "Max-Forwards: 70",
        "contact": "Contact: <sip:a@torture.invalid;transport=ws>",
        "content-length": f"Content-Length: {len(body.encode())}",
    }
    for name in without:
        del fields[name]
    more = []
    for line in lines:
        name = line.partition(":")[0].strip().lower()
        if name in fields:
            fields[name] = line
        else:
            more.append(line)
    return "\r\n".join([first, *fields.values(), *more]).encode() + b"\r\n\r\n" + body.encode()


TARGET = "sip:b@sip.example.test"
INVITE = f"INVITE {TARGET} SIP/2.0"
LONG = "x" * 600

CASES = (
    # A short tortuous INVITE: folded and abbreviated, with spaces wherever they may be.
    Case(
        "wsinv",
        b"INVITE sip:b@sip.example.test;unknownparam SIP/2.0\r\n"
        b"TO :\r\n sip:b@sip.example.test ;   tag    = 1918181833n\r\n"
        b'from   : "J Rosenberg \\\\\\""       <sip:a@example.test>\r\n  ;\r\n  tag = 98asjd8\r\n'
        b"MaX-fOrWaRdS: 0068\r\n"
        b"Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
        b"cseq: 0009\r\n  INVITE\r\n"
        b"Via  : SIP  /   2.0\r\n /WS\r\n    torture.invalid;branch=z9hG4bKtorture\r\n"
        b"s :\r\n"
        b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
        b"Content-Type: application/sdp\r\n"
        b"v:  SIP  / 2.0  / TCP     spindle.example.test   ;\r\n"
        b"  branch  =   z9hG4bK9ikj8  ,\r\n"
        b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        b'm:"Quoted string \\"\\"" <sip:jdrosen@example.test> ; newparam =\r\n      newvalue ;\r\n'
        b"  secondparam ; q = 0.33\r\n"
        b"l: 4\r\n\r\nv=0\n",
        passes=True,
    ),
    # Every character that a token may have.
    Case(
        "intmeth",
        message(
            "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/"
            "crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@sip.example.test SIP/2.0",
            "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.test>;fromParam''~+*_!.-%="
            '"\u0440\u0430";tag=_token~1\'+`*%!-.',
        ),
        passes=True,
    ),
    Case("esc01", message("INVITE sip:sips%3Auser%40example.com@sip.example.test SIP/2.0"), True),
    Case(
        "escnull",
        message("REGISTER sip:sip.example.test SIP/2.0", "Contact: <sip:%00@host5.example.test>"),
        passes=True,
    ),
    Case(
        "esc02",
        message("RE%47IST%45R sip:sip.example.test SIP/2.0", 'Contact: "%Z%45" <sip:resource@a.b>'),
        passes=True,
    ),
    Case(
        "lwsdisp",
        message(f"OPTIONS {TARGET} SIP/2.0", "From: caller<sip:a@example.test>;tag=3"),
        True,
    ),
    Case(
        "longreq",
        message(
            INVITE,
            f'To: "I have a user name of {LONG} proportion"<sip:b@sip.example.test>',
            f"From: <sip:{LONG}@example.test>;tag={LONG}",
            f"Call-ID: longreq.one{LONG}",
            f"Unknown{LONG}: unknown-{LONG}-value",
            *(f"Via: SIP/2.0/TCP sip{n}.example.test;branch=z9hG4bK{LONG}" for n in range(3)),
        ),
        passes=True,
    ),
    # What stands behind Content-Length is no part of a datagram's message; in a WebSocket message
    # there must be one message and nothing else.
    Case("dblreq", message(f"REGISTER {TARGET} SIP/2.0") * 2, statuses=(400,)),
    Case("semiuri", message("OPTIONS sip:user;par=u%40example.net@sip.example.test SIP/2.0"), True),
    Case(
        "transports",
        message(
            f"OPTIONS {TARGET} SIP/2.0",
            "Via: SIP/2.0/WS torture.invalid;branch=z9hG4bKtorture, SIP/2.0/SCTP "
            "t2.example.test;branch=z9hG4bK2, SIP/2.0/TLS t3.example.test;branch=z9hG4bK3, "
            "SIP/2.0/UNKNOWN t4.example.test;branch=z9hG4bK4",
        ),
        passes=True,
    ),
    Case(
        "mpart01",
        message(
            f"MESSAGE {TARGET} SIP/2.0",
            "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
            body="--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
            "--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\x01\x02\0\r\n"
            "--7a9cbec02ceef655--\r\n",
        ),
        passes=True,
    ),
    # Responses that answer nothing of ours: their top Via is another's.
    Case("unreason", message("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e"), silent=True),
    Case("noreason", message("SIP/2.0 100 "), silent=True),
    # Extraneous separators; where the top Via cannot be read, no answer can be addressed.
    Case(
        "badinv01",
        message(INVITE, "Via: SIP/2.0/WS torture.invalid;;,;,,", 'To: "Mr. J. User <sip:j@a.b> <'),
        silent=True,
    ),
    Case("clerr", message(INVITE, "Content-Length: 9999", body="v=0\r\n"), statuses=(400,)),
    Case("ncl", message(INVITE, "Content-Length: -999", body="v=0\r\n"), statuses=(400,)),
    Case(
        "scalar02",
        message(
            f"REGISTER {TARGET} SIP/2.0",
            "CSeq: 36893488147419103232 REGISTER",
            "Max-Forwards: 300",
            "Expires: 10000000000000000000000000000000000000",
        ),
    ),
    Case(
        "scalarlg",
        message(
            "SIP/2.0 503 Service Unavailable",
            "CSeq: 9292394834772304023312 OPTIONS",
            "Retry-After: 949302838503028349304023988",
        ),
        silent=True,
    ),
    Case("quotbal", message(INVITE, 'To: "Mr. J. User <sip:j.user@example.test>')),
    Case("ltgtruri", message("INVITE <sip:user@sip.example.test> SIP/2.0")),
    Case("lwsruri", message("INVITE sip:user@sip.example.test; lr SIP/2.0"), statuses=(400,)),
    Case("lwsstart", message("INVITE  sip:user@sip.example.test  SIP/2.0"), statuses=(400,)),
    Case("trws", message("OPTIONS sip:user@sip.example.test SIP/2.0  "), statuses=(400,)),
    Case("escruri", message("INVITE sip:user@sip.example.test?Route=%3Csip:a.b%3E SIP/2.0")),
    Case("baddate", message(INVITE, "Date: Fri, 01 Jan 2010 16:00:00 EST")),
    Case(
        "regbadct",
        message(f"REGISTER {TARGET} SIP/2.0", "Contact: sip:user@example.test?Route=%3Csip:a.b%3E"),
    ),
    Case("badaspec", message(f"OPTIONS {TARGET} SIP/2.0", 'To: "Watson, Thomas" < sip:t@a.b >')),
    Case("baddn", message(f"OPTIONS {TARGET} SIP/2.0", "From: Bell, Alexander <sip:a@b.c>;tag=43")),
    Case("badvers", message(f"OPTIONS {TARGET} SIP/7.0"), statuses=(400, 505)),
    Case("mismatch01", message(f"OPTIONS {TARGET} SIP/2.0", "CSeq: 8 INVITE"), statuses=(400,)),
    Case("mismatch02", message(f"NEWMETHOD {TARGET} SIP/2.0", "CSeq: 8 INVITE"), statuses=(400,)),
    Case("bigcode", message("SIP/2.0 4294967301 better not break the receiver"), silent=True),
    # A branch with the cookie alone.
    Case("badbranch", message(INVITE, "Via: SIP/2.0/WS torture.invalid;branch=z9hG4bK"), True),
    # Call-ID, From and To are missing, and so a response cannot be made.
    Case("insuf", message(INVITE, without=("call-id", "from", "to")), silent=True),
    Case("unkscm", message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), True),
    Case("novelsc", message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), True),
    Case("bext01", message(f"OPTIONS {TARGET} SIP/2.0", "Require: nothingSupportsThis"), True),
    Case(
        "invut", message(INVITE, "Content-Type: application/unknownformat", body="<audio/>"), True
    ),
    Case(
        "regaut01", message(f"REGISTER {TARGET} SIP/2.0", "Authorization: NoOneKnowsThis o=a"), True
    ),
    # Several values where there may be one.
    Case(
        "multi01",
        message(INVITE, "From: <sip:a@b.c>;tag=1", without=()).replace(
            b"Call-ID:", b"CSeq: 5 INVITE\r\nCall-ID: other\r\nMax-Forwards: 5\r\nCall-ID:"
        ),
    ),
    Case(
        "mcl01",
        message(INVITE, body="hello").replace(b"Contact:", b"Content-Length: 3\r\nContact:"),
        statuses=(400,),
    ),
    Case("zeromf", message(f"OPTIONS {TARGET} SIP/2.0", "Max-Forwards: 0"), statuses=(483,)),
    Case(
        "cparam01", message(f"REGISTER {TARGET} SIP/2.0", "Contact: sip:u@a.b;unknownparam"), True
    ),
    Case(
        "cparam02", message(f"REGISTER {TARGET} SIP/2.0", "Contact: <sip:u@a.b;unknownparam>"), True
    ),
    Case(
        "regescrt",
        message(f"REGISTER {TARGET} SIP/2.0", "Contact: <sip:u@a.b?Route=%3Csip:c.d%3E>"),
        True,
    ),
    # As before RFC 3261: no branch, no tag, no Max-Forwards, no Content-Length.
    Case(
        "inv2543",
        message(
            INVITE,
            "Via: SIP/2.0/WS torture.invalid",
            "From: <sip:a@example.test>",
            without=("max-forwards", "content-length"),
            body="v=0\r\n",
        ),
        passes=True,
    ),
)
