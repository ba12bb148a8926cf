//! RFC 4475 §3.2 to §3.4: messages whose meaning is the trouble, and `longreq`.

use sip_proto::Fault;

use crate::row::{Fate, Torture};

pub(crate) const MESSAGES: &[Torture] = &[
    Torture {
        name: "badbranch",
        fate: Fate::Sound,
        text: "OPTIONS sip:user@example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 70\n\
            Call-ID: badbranch.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 8 OPTIONS\n\
            Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\n\
            l: 0\n\n",
    },
    Torture {
        name: "insuf",
        fate: Fate::Unroutable(Fault::MissingHeader),
        text: "INVITE sip:user@example.com SIP/2.0\n\
            CSeq: 193942 INVITE\n\
            Via: SIP/2.0/UDP 192.0.2.95;branch=z9hG4bKkdj.insuf\n\
            Content-Type: application/sdp\n\
            l: 5\n\nv=0\n",
    },
    request!(
        "unkscm",
        Fate::Sound,
        "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent",
        "3923423 OPTIONS",
        "l: 0\n\n"
    ),
    request!("novelsc", Fate::Sound, "OPTIONS soap.beep://192.0.2.103:3002", "3923423 OPTIONS", "l: 0\n\n"),
    Torture {
        name: "unksm2",
        fate: Fate::Sound,
        text: "REGISTER sip:example.com SIP/2.0\n\
            To: isbn:2983792873\n\
            From: <http://www.example.com>;tag=3234233\n\
            Max-Forwards: 70\n\
            Call-ID: unksm2.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 234902 REGISTER\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKunksm2\n\
            Contact: <name:John_Smith>\n\
            l: 0\n\n",
    },
    request!(
        "bext01",
        Fate::Sound,
        "OPTIONS sip:user@example.com",
        "8 OPTIONS",
        "Require: nothingSupportsThis, nothingSupportsThisEither\n\
            Proxy-Require: noProxiesSupportThis, norDoAnyProxiesSupportThis\n\
            l: 0\n\n"
    ),
    request!(
        "invut",
        Fate::Sound,
        "INVITE sip:user@example.com",
        "8 INVITE",
        "Content-Type: application/unknownformat\n\
            Content-Length: 7\n\n<xml/>\0"
    ),
    request!(
        "regaut01",
        Fate::Sound,
        "REGISTER sip:example.com",
        "9338 REGISTER",
        "Authorization: NoOneKnowsThisScheme opaque-data=here\n\
            l: 0\n\n"
    ),
    request!(
        "multi01",
        Fate::Unroutable(Fault::RepeatedHeader),
        "INVITE sip:user@example.com",
        "5 INVITE",
        "CSeq: 59 INVITE\n\
            Call-ID: multi01.98asdh@192.0.2.2\n\
            From: sip:another@example.net;tag=3413415\n\
            To: sip:other@example.net\n\
            Max-Forwards: 5\n\
            l: 0\n\n"
    ),
    request!(
        "mcl01",
        Fate::Refused(Fault::ConflictingContentLength),
        "OPTIONS sip:user@example.com",
        "59 OPTIONS",
        "Content-Length: 13\n\
            Content-Length: 5\n\nThere's no way to know how many octets are supposed to be here.\n"
    ),
    Torture {
        name: "bcast",
        fate: Fate::Sound,
        text: "SIP/2.0 200 OK\n\
            Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\n\
            Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\n\
            Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf\n\
            CSeq: 35 INVITE\n\
            From: sip:user@example.com;tag=11141343\n\
            To: sip:user@example.edu;tag=2229\n\
            Content-Length: 5\n\
            Content-Type: application/sdp\n\nv=0\n",
    },
    Torture {
        name: "zeromf",
        fate: Fate::Sound,
        text: "OPTIONS sip:user@example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: sip:caller@example.net;tag=134161461246\n\
            Max-Forwards: 0\n\
            Call-ID: zeromf.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 8 OPTIONS\n\
            Via: SIP/2.0/UDP host.example.com;branch=z9hG4bKzeromf\n\
            l: 0\n\n",
    },
    request!(
        "cparam01",
        Fate::Sound,
        "REGISTER sip:example.com",
        "8 REGISTER",
        "Contact: sip:+19725552222@gw1.example.net;unknownparam\n\
            l: 0\n\n"
    ),
    request!(
        "cparam02",
        Fate::Sound,
        "REGISTER sip:example.com",
        "8 REGISTER",
        "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\n\
            l: 0\n\n"
    ),
    request!(
        "regescrt",
        Fate::Sound,
        "REGISTER sip:example.com",
        "8 REGISTER",
        "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\n\
            l: 0\n\n"
    ),
    request!(
        "sdp01",
        Fate::Sound,
        "INVITE sip:user@example.com",
        "8 INVITE",
        "Accept: text/nobodyKnowsThis\n\
            Content-Type: application/sdp\n\
            Content-Length: 5\n\nv=0\n"
    ),
    Torture {
        name: "inv2543",
        fate: Fate::Sound,
        text: "INVITE sip:UserB@example.com SIP/2.0\n\
            Via: SIP/2.0/UDP iftgw.example.com\n\
            From: <sip:+13035551111@ift.client.example.net;user=phone>\n\
            Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\n\
            To: sip:+16505552222@ss1.example.net;user=phone\n\
            Call-ID: inv2543.1717@ift.client.example.com\n\
            CSeq: 56 INVITE\n\
            Content-Type: application/sdp\n\nv=0\n",
    },
];

/// `longreq` of §3.1.1.7: long values, long names and many Vias.
pub(crate) fn long_request() -> Vec<u8> {
    let long = |word: &str| word.repeat(40);
    let mut text = format!(
        "INVITE sip:user@example.com SIP/2.0\r\n\
         To: \"I have a user name of {} proportion\"<sip:user@example.com:6000;unknownparam1={};longparam{}={}>\r\n\
         F: sip:{}@example.net;tag=12{}424;unknownheaderparam{}={};unknownValueless{}\r\n\
         Call-ID: longreq.one{}longcallid\r\n\
         CSeq: 3882340 INVITE\r\n\
         Unknown-{}-Name: unknown-{}-value; unknown-{}-parameter-name = unknown-{}-parameter-value\r\n",
        long("extreme"),
        long("verylong"),
        long("name"),
        long("shortvalue"),
        long("amazinglylongcallername"),
        long("982"),
        long("name"),
        long("value"),
        long("paramname"),
        long("really"),
        long("Long"),
        long("long"),
        long("long"),
        long("long"),
    );
    for number in 0..33 {
        text.push_str(&format!("Via: SIP/2.0/TCP sip{number}.example.com\r\n"));
    }
    text.push_str(&format!(
        "v: SIP/2.0/TCP sip33.example.com;received=192.0.2.5;branch=very{}branchvalue\r\n\
         Max-Forwards: 70\r\n\
         Contact: <sip:{}@host5.example.net>\r\n\
         Content-Type: application/sdp\r\n\
         l: 5\r\n\r\nv=0\r\n",
        long("long"),
        long("amazinglylongcallername"),
    ));
    text.into_bytes()
}
