//! RFC 4475 §3.1.2: messages that are wrong, and those among them that routing has no need to see.

use sip_proto::Fault;

use crate::row::{Fate, Torture};

pub(crate) const MESSAGES: &[Torture] = &[
    Torture {
        name: "badinv01",
        fate: Fate::Unroutable(Fault::BadVia),
        text: "INVITE sip:user@example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: badinv01.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 8 INVITE\n\
            Via: SIP/2.0/UDP 192.0.2.15;;,;,,\n\
            Contact: \"Joe\" <sip:joe@example.org>;;;;\n\
            l: 0\n\n",
    },
    request!(
        "clerr",
        Fate::Refused(Fault::BodyTooShort),
        "INVITE sip:user@example.com",
        "8 INVITE",
        "Content-Length: 9999\n\nv=0\n"
    ),
    request!(
        "ncl",
        Fate::Refused(Fault::BadContentLength),
        "INVITE sip:user@example.com",
        "8 INVITE",
        "Content-Length: -999\n\nv=0\n"
    ),
    Torture {
        name: "scalar02",
        fate: Fate::Unroutable(Fault::BadCSeq),
        text: "REGISTER sip:example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 300\n\
            Call-ID: scalar02.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 36893488147419103232 REGISTER\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKscalar02\n\
            Expires: 10000000000000000000000000000000000000\n\
            Contact: <sip:user@host129.example.com>\n  ;expires=280297596632815\n\
            l: 0\n\n",
    },
    Torture {
        name: "scalarlg",
        fate: Fate::Unroutable(Fault::BadCSeq),
        text: "SIP/2.0 503 Service Unavailable\n\
            Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw\n  ;received=192.0.2.129\n\
            To: <sip:user@example.com>\n\
            From: <sip:other@example.net>;tag=2easdjfejw\n\
            CSeq: 9292394834772304023312 OPTIONS\n\
            Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r\n\
            Retry-After: 949302838503028349304023988\n\
            Warning: 1812 overture \"In Progress\"\n\
            Content-Length: 0\n\n",
    },
    Torture {
        name: "quotbal",
        fate: Fate::Unroutable(Fault::BadAddress),
        text: "INVITE sip:user@example.com SIP/2.0\n\
            To: \"Mr. J. User <sip:j.user@example.com>\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: quotbal.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 8 INVITE\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKquotbal\n\
            l: 0\n\n",
    },
    request!(
        "ltgtruri",
        Fate::Refused(Fault::BadStartLine),
        "INVITE <sip:user@example.com>",
        "1 INVITE",
        "l: 0\n\n"
    ),
    request!(
        "lwsruri",
        Fate::Refused(Fault::BadStartLine),
        "INVITE sip:user@example.com; lr",
        "1 INVITE",
        "l: 0\n\n"
    ),
    request!(
        "lwsstart",
        Fate::Refused(Fault::BadStartLine),
        "INVITE  sip:user@example.com ",
        "1 INVITE",
        "l: 0\n\n"
    ),
    Torture {
        name: "trws",
        fate: Fate::Refused(Fault::BadStartLine),
        text: "OPTIONS sip:remote-target@example.com SIP/2.0  \n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: trws.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 1 OPTIONS\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKtrws\n\
            l: 0\n\n",
    },
    request!(
        "escruri",
        Fate::Sound,
        "INVITE sip:user@example.com?Route=%3Csip:example.com%3E",
        "1 INVITE",
        "l: 0\n\n"
    ),
    request!(
        "baddate",
        Fate::Sound,
        "INVITE sip:user@example.com",
        "1 INVITE",
        "Date: Fri, 01 Jan 2010 16:00:00 EST\n\
            l: 0\n\n"
    ),
    request!(
        "regbadct",
        Fate::Sound,
        "REGISTER sip:example.com",
        "1 REGISTER",
        "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\n\
            l: 0\n\n"
    ),
    Torture {
        name: "badaspec",
        fate: Fate::Unroutable(Fault::BadAddress),
        text: "OPTIONS sip:user@example.org SIP/2.0\n\
            To: \"Watson, Thomas\" < sip:t.watson@example.org >\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: badaspec.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 1 OPTIONS\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKbadaspec\n\
            l: 0\n\n",
    },
    Torture {
        name: "baddn",
        fate: Fate::Sound,
        text: "OPTIONS sip:t.watson@example.org SIP/2.0\n\
            To: sip:user@example.com\n\
            From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\n\
            Max-Forwards: 70\n\
            Call-ID: baddn.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 1 OPTIONS\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKbaddn\n\
            l: 0\n\n",
    },
    Torture {
        name: "badvers",
        fate: Fate::Refused(Fault::BadVersion),
        text: "OPTIONS sip:t.watson@example.org SIP/7.0\n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: badvers.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 1 OPTIONS\n\
            Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\n\
            l: 0\n\n",
    },
    request!(
        "mismatch01",
        Fate::Unroutable(Fault::BadCSeq),
        "OPTIONS sip:user@example.com",
        "8 INVITE",
        "l: 0\n\n"
    ),
    request!(
        "mismatch02",
        Fate::Unroutable(Fault::BadCSeq),
        "NEWMETHOD sip:user@example.com",
        "8 INVITE",
        "l: 0\n\n"
    ),
    Torture {
        name: "bigcode",
        fate: Fate::Refused(Fault::BadStartLine),
        text: "SIP/2.0 4294967301 better not break the receiver\n\
            Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\n\
            Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i\n\
            CSeq: 353494 INVITE\n\
            From: <sip:user@example.com>;tag=39ansfi3\n\
            To: <sip:user@example.edu>;tag=902jndnke3\n\
            Content-Length: 0\n\n",
    },
];
