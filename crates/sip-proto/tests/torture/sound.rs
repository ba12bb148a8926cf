//! RFC 4475 §3.1.1: messages that look wrong and are not.

use sip_proto::Fault;

use crate::row::{Fate, Torture};

pub(crate) const MESSAGES: &[Torture] = &[
    Torture {
        name: "wsinv",
        fate: Fate::Sound,
        text: "INVITE sip:leda@chair.example.com;unknownparam SIP/2.0\n\
            TO :\n sip:leda@chair.example.com ;   tag    = 1918181833n\n\
            from   : \"J Swan \\\\\\\"\"       <sip:swan@example.com>\n  ;\n  tag = 98asjd8\n\
            MaX-fOrWaRdS: 0068\n\
            Call-ID: wsinv.ndaksdj@192.0.2.1\n\
            Content-Length   : 5\n\
            cseq: 0009\n  INVITE\n\
            Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw\n\
            s :\n\
            NewFangledHeader:   newfangled value\n continued newfangled value\n\
            UnknownHeaderWithUnusualValue: ;;,,;;,;\n\
            Content-Type: application/sdp\n\
            Route:\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\n\
            v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj  ,\n \
            SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30239\n\
            m:\"Quoted string \\\"\\\"\" <sip:swan@example.com> ; newparam =\n      newvalue ;\n  \
            secondparam ; q = 0.33\n\
            \n\
            v=0\n",
    },
    Torture {
        name: "intmeth",
        fate: Fate::Sound,
        text: "!interesting-Method0123456789_*+`.%indeed'~ \
            sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)\
            @example.com SIP/2.0\n\
            Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\n\
            To: \"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" <sip:1_unusual.URI~@example.com>\n\
            From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>\
            ;fromParam''~+*_!.-%=\"\u{440}\u{430}\u{431}\u{43e}\u{442}\";tag=_token~1'+`*%!-.\n\
            Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\n\
            CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\n\
            Max-Forwards: 255\n\
            extensionHeader-!.%*+_`'~:\u{feff}\u{5927}\u{505c}\u{96fb}\n\
            Content-Length: 0\n\n",
    },
    Torture {
        name: "esc01",
        fate: Fate::Sound,
        text: "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\n\
            To: sip:%75se%72@example.com\n\
            From: <sip:I%20have%20spaces@example.net>;tag=938\n\
            Max-Forwards: 87\n\
            i: esc01.239409asdfakjkn23onasd0-3234\n\
            CSeq: 234234 INVITE\n\
            Via: SIP/2.0/UDP host5.example.net;branch=z9hG4bKkdjuw\n\
            C: application/sdp\n\
            Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>\n\
            Content-Length: 5\n\nv=0\n",
    },
    Torture {
        name: "escnull",
        fate: Fate::Sound,
        text: "REGISTER sip:example.com SIP/2.0\n\
            To: sip:null-%00-null@example.com\n\
            From: sip:null-%00-null@example.com;tag=839923423\n\
            Max-Forwards: 70\n\
            Call-ID: escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd\n\
            CSeq: 14398234 REGISTER\n\
            Via: SIP/2.0/UDP host5.example.com;branch=z9hG4bKkdjuw\n\
            Contact: <sip:%00@host5.example.com>\n\
            Contact: <sip:%00%00@host5.example.com>\n\
            L:0\n\n",
    },
    Torture {
        name: "esc02",
        fate: Fate::Sound,
        text: "RE%47IST%45R sip:registrar.example.com SIP/2.0\n\
            To: \"%Z%45\" <sip:resource@example.com>\n\
            From: \"%Z%45\" <sip:resource@example.com>;tag=f232jadfj23\n\
            Call-ID: esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf\n\
            Via: SIP/2.0/TCP host.example.com;rport;branch=z9hG4bK209%fzsnel234\n\
            CSeq: 29344 RE%47IST%45R\n\
            Max-Forwards: 70\n\
            Contact: <sip:alias1@host1.example.com>\n\
            C%6Fntact: <sip:alias2@host2.example.com>\n\
            l: 0\n\n",
    },
    Torture {
        name: "lwsdisp",
        fate: Fate::Sound,
        text: "OPTIONS sip:user@example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: caller<sip:caller@example.com>;tag=323\n\
            Max-Forwards: 70\n\
            Call-ID: lwsdisp.1234abcd@funky.example.com\n\
            CSeq: 60 OPTIONS\n\
            Via: SIP/2.0/UDP funky.example.com;branch=z9hG4bKkdjuw\n\
            l: 0\n\n",
    },
    Torture {
        name: "dblreq",
        fate: Fate::Refused(Fault::TrailingBytes),
        text: "REGISTER sip:example.com SIP/2.0\n\
            To: sip:j.user@example.com\n\
            From: sip:j.user@example.com;tag=43251j3j324\n\
            Max-Forwards: 8\n\
            I: dblreq.0ha0isndaksdj99sdfafnl3lk233412\n\
            Contact: sip:j.user@host.example.com\n\
            CSeq: 8 REGISTER\n\
            Via: SIP/2.0/UDP 192.0.2.125;branch=z9hG4bKkdjuw23492\n\
            Content-Length: 0\n\n\
            INVITE sip:joe@example.com SIP/2.0\n\
            t: sip:joe@example.com\n\
            From: sip:caller@example.net;tag=141334\n\
            Max-Forwards: 8\n\
            Call-ID: dblreq.0ha0isnda977644900765@192.0.2.15\n\
            CSeq: 8 INVITE\n\
            Via: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKkdjuw380234\n\
            Content-Type: application/sdp\n\
            Content-Length: 5\n\nv=0\n",
    },
    Torture {
        name: "semiuri",
        fate: Fate::Sound,
        text: "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\n\
            To: sip:j_user@example.com\n\
            From: sip:caller@example.org;tag=33242\n\
            Max-Forwards: 3\n\
            Call-ID: semiuri.0ha0isndaksdj\n\
            CSeq: 8 OPTIONS\n\
            Accept: application/sdp, application/pkcs7-mime,\n        multipart/mixed, text/plain\n\
            Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw\n\
            l: 0\n\n",
    },
    Torture {
        name: "transports",
        fate: Fate::Sound,
        text: "OPTIONS sip:user@example.com SIP/2.0\n\
            To: sip:user@example.com\n\
            From: <sip:caller@example.com>;tag=323\n\
            Max-Forwards: 70\n\
            Call-ID:  transports.kijh4akdnaqjkwendsasfdj\n\
            Accept: application/sdp\n\
            CSeq: 60 OPTIONS\n\
            Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw\n\
            Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf\n\
            Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj\n\
            Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\n\
            Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee\n\
            l: 0\n\n",
    },
    Torture {
        name: "mpart01",
        fate: Fate::Sound,
        text: "MESSAGE sip:kumiko@example.org SIP/2.0\n\
            Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-d87543-4dade06d0bdb11ee-1--d87543-;rport\n\
            Max-Forwards: 70\n\
            Route: <sip:127.0.0.1:5080>\n\
            Identity: r5mwreLuyDRYBi/0TiPwEsY3rEVsk/G2WxhgTV1PF7hHuL\n\
            Contact: <sip:fluffy@127.0.0.1:5070>\n\
            To: <sip:kumiko@example.org>\n\
            From: <sip:fluffy@example.com>;tag=2fb0dcc9\n\
            Call-ID: 3d9485ad0c49859b@Zmx1ZmZ5\n\
            CSeq: 1 MESSAGE\n\
            Content-Type: multipart/mixed;boundary=7a9cbec02ceef655\n\
            Content-Length: 123\n\n\
            --7a9cbec02ceef655\nContent-Type: text/plain\n\nHello\n\
            --7a9cbec02ceef655\nContent-Length: 3\n\n\0\u{1}\u{2}\n--7a9cbec02ceef655--\n",
    },
    Torture {
        name: "unreason",
        fate: Fate::Sound,
        text: "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e} - \u{43f}\u{440}\n\
            Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\n\
            Call-ID: unreason.1234ksdfak3j2erwedfsASdf\n\
            CSeq: 35 INVITE\n\
            From: sip:user@example.com;tag=11141343\n\
            To: sip:user@example.edu;tag=2229\n\
            Content-Length: 0\n\
            Contact: <sip:user@host198.example.com>\n\n",
    },
    Torture {
        name: "noreason",
        fate: Fate::Sound,
        text: "SIP/2.0 100 \n\
            Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe\n\
            Call-ID: noreason.asndj203insdf99223ndf\n\
            CSeq: 35 INVITE\n\
            From: <sip:user@example.com>;tag=39ansfi3\n\
            To: <sip:user@example.edu>;tag=902jndnke3\n\
            Content-Length: 0\n\
            Contact: <sip:user@host105.example.com>\n\n",
    },
];
