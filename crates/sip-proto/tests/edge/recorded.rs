//! Messages in the form in which the clients and servers that people use send them.

/// JsSIP: no rport in the Via, the host `.invalid`, all parameters of RFC 5626 in the Contact.
pub(crate) const JSSIP_REGISTER: &str = "
    REGISTER sip:example.org SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK5372178
    Max-Forwards: 69
    To: <sip:alice@example.org>
    From: <sip:alice@example.org>;tag=92tlbgqp5u
    Call-ID: 6vq3nfsbm8s8h0onf1l2ns
    CSeq: 1 REGISTER
    Contact: <sip:7ddhd4o1@2vhn7q8t1c0k.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:1f0e7a62-44dd-4bb5-9e0c-bbb3c45de5a6>\";expires=600
    Expires: 600
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
    Supported: path,gruu,outbound
    User-Agent: JsSIP 3.13.8
    Content-Length: 0";

/// JsSIP: with credentials, which are of the Request-URI as it stands there.
pub(crate) const JSSIP_MESSAGE: &str = "
    MESSAGE sip:bob@example.org SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK8164529
    Max-Forwards: 69
    To: <sip:bob@example.org>
    From: \"Alice, at home\" <sip:alice@example.org>;tag=q8a2s4p1me
    Call-ID: 0fm2qk5rvo7p7h9q7e1d
    CSeq: 2 MESSAGE
    Authorization: Digest algorithm=MD5, username=\"alice\", realm=\"example.org\", nonce=\"Zx==\", uri=\"sip:bob@example.org\", response=\"d1e2\"
    Content-Type: text/plain
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
    Supported: outbound
    User-Agent: JsSIP 3.13.8
    Content-Length: {length}

    Hello, Bob: \u{263a}";

pub(crate) const JSSIP_INVITE: &str = "
    INVITE sip:bob@example.org SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016
    Max-Forwards: 69
    To: <sip:bob@example.org>
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    CSeq: 4711 INVITE
    Contact: <sip:alice@example.org;gr=urn:uuid:1f0e7a62-44dd-4bb5-9e0c-bbb3c45de5a6;ob>
    Content-Type: application/sdp
    Session-Expires: 90
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY
    Supported: timer,gruu,ice,replaces,outbound
    User-Agent: JsSIP 3.13.8
    Content-Length: {length}

    v=0
    o=- 3830 2 IN IP4 127.0.0.1
    s=-
    t=0 0
    m=audio 9 UDP/TLS/RTP/SAVPF 111";

/// SIP.js: a Route set from Record-Routes, of which the first is the gateway's.
pub(crate) const SIPJS_ACK: &str = "
    ACK sip:bob@192.0.2.9:5080;transport=udp SIP/2.0
    Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>
    Route: <sip:10.0.0.1;lr;ftag=ptv6r8ba2u>
    Via: SIP/2.0/WSS fu0b6cl2e9ro.invalid;branch=z9hG4bK733054
    To: <sip:bob@example.org>;tag=a6c85cf
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    CSeq: 4711 ACK
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    Max-Forwards: 70
    Supported: outbound
    User-Agent: SIP.js/0.21.2
    Content-Length: 0";

pub(crate) const SIPJS_BYE: &str = "
    BYE sip:bob@192.0.2.9:5080;transport=udp SIP/2.0
    Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>,<sip:10.0.0.1;lr;ftag=ptv6r8ba2u>
    Via: SIP/2.0/WSS fu0b6cl2e9ro.invalid;branch=z9hG4bK1190022
    To: <sip:bob@example.org>;tag=a6c85cf
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    CSeq: 4712 BYE
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    Max-Forwards: 70
    Supported: outbound
    User-Agent: SIP.js/0.21.2
    Content-Length: 0";

pub(crate) const SIPJS_CANCEL: &str = "
    CANCEL sip:bob@example.org SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016
    To: <sip:bob@example.org>
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    CSeq: 4711 CANCEL
    Max-Forwards: 70
    User-Agent: SIP.js/0.21.2
    Content-Length: 0";

/// The ACK of an error: the INVITE's branch, and the answer's tag.
pub(crate) const ACK_OF_BUSY: &str = "
    ACK sip:bob@example.org SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016
    To: <sip:bob@example.org>;tag=busy1
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    CSeq: 4711 ACK
    Max-Forwards: 70
    Content-Length: 0";

/// A client with compact names, folded lines, two Vias on one line and no Content-Length.
pub(crate) const COMPACT_SUBSCRIBE: &str = "
    SUBSCRIBE sip:bob@example.org SIP/2.0
    v: SIP/2.0/TCP pbx.example.net:5061 ;branch = z9hG4bKq1,SIP / 2.0 / UDP [2001:db8::9];branch=z9hG4bKq2;received=203.0.113.5
    Max-Forwards:
    \t 12
    t: <sip:bob@example.org>
    f: \"A \\\"quoted, <comma>\\\"\"
    \t<sip:carol@example.net>;tag=s1
    i: compact@pbx.example.net
    CSeq: 9
    \tSUBSCRIBE
    o: presence
    m: <sip:carol@pbx.example.net>
    Record-Route: <sip:pbx.example.net;lr>";

/// Kamailio to the client's Path: branches with dots, its own Record-Route, the Contact as Request-URI.
pub(crate) const KAMAILIO_INVITE: &str = "
    INVITE sip:7ddhd4o1@2vhn7q8t1c0k.invalid;transport=ws SIP/2.0
    Record-Route: <sip:10.0.0.1;lr;ftag=9fxced76sl>
    Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK5e1f.0a7b1c42d3e4f5.0
    Via: SIP/2.0/UDP 192.0.2.9:5080;received=192.0.2.9;branch=z9hG4bK-12034-1-0;rport=5080
    Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>
    From: sipp <sip:sipp@192.0.2.9:5080>;tag=12034SIPpTag001
    To: alice <sip:alice@example.org>
    Call-ID: 1-12034@192.0.2.9
    CSeq: 1 INVITE
    Contact: sip:sipp@192.0.2.9:5080
    Max-Forwards: 69
    Subject: Performance Test
    Content-Type: application/sdp
    Content-Length: {length}

    v=0
    o=user1 53655765 2353687637 IN IP4 192.0.2.9";

pub(crate) const KAMAILIO_BYE: &str = "
    BYE sip:7ddhd4o1@2vhn7q8t1c0k.invalid;transport=ws SIP/2.0
    Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK6e1f.1a7b1c42d3e4f5.0
    Via: SIP/2.0/UDP 192.0.2.9:5080;received=192.0.2.9;branch=z9hG4bK-12034-1-5;rport=5080
    Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>
    From: sipp <sip:sipp@192.0.2.9:5080>;tag=12034SIPpTag001
    To: alice <sip:alice@example.org>;tag=u1
    Call-ID: 1-12034@192.0.2.9
    CSeq: 2 BYE
    Max-Forwards: 69
    Content-Length: 0";

/// Kamailio's registrar: our Via with what it has seen, the client's behind it, the Path told.
pub(crate) const KAMAILIO_REGISTERED: &str = "
    SIP/2.0 200 OK
    Via: SIP/2.0/UDP gw.example.org:5060;received=10.0.0.9;rport=5060;branch={branch}
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK5372178;received=198.51.100.1;rport=50001
    To: <sip:alice@example.org>;tag=b27e1a1d33761e85846fc98f5f3a7e58.5c9d
    From: <sip:alice@example.org>;tag=92tlbgqp5u
    Call-ID: 6vq3nfsbm8s8h0onf1l2ns
    CSeq: 1 REGISTER
    Contact: <sip:7ddhd4o1@2vhn7q8t1c0k.invalid;transport=ws>;expires=600;+sip.instance=\"<urn:uuid:1f0e7a62-44dd-4bb5-9e0c-bbb3c45de5a6>\";reg-id=1
    Path: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>
    Server: kamailio (5.6.3 (x86_64/linux))
    Content-Length: 0";

/// sipp: all Vias in one line, compact length.
pub(crate) const SIPP_RINGING: &str = "
    SIP/2.0 180 Ringing
    Via: SIP/2.0/UDP gw.example.org:5060;rport;branch={branch}, SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016;received=198.51.100.1;rport=50001
    From: \"Alice\" <sip:alice@example.org>;tag=ptv6r8ba2u
    To: <sip:bob@example.org>;tag=23SIPpTag014
    Call-ID: 5nqmd0cdbc3s2u5gvmlh
    CSeq: 4711 INVITE
    Record-Route: <sip:10.0.0.1;lr>, <sip:{client 1}@gw.example.org:5060;transport=udp;lr>
    Contact: <sip:192.0.2.9:5080;transport=UDP>
    l: 0";
