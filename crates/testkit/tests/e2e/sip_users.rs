//! Rates of users, which count all that a user sends, by whatever connection and worker.

use testkit::rig::Rig;

use crate::sip::{Registrar, hear, phone, request, say, text};

/// A message of that user.
fn message(user: &str, number: u32) -> String {
    request("MESSAGE", number, "", "")
        .replace("<sip:alice@example.org>", &format!("<sip:{user}@example.org>"))
}

const LIMIT: &str = r#"rate-limit { messages "3/h"; per "user" }"#;

#[test]
fn a_rate_of_users_holds_for_all_workers_together_and_goes_on_after_a_reload() {
    let registrar = Registrar::start();
    let target = format!("udp://{}", registrar.address());
    let workers = "server { worker-threads 2 }";
    let mut rig = Rig::from_kdl([], &text(&target, LIMIT, workers));
    // The kernel spreads connections over both workers.
    let mut phones: Vec<_> = (0..16).map(|_| phone(&rig)).collect();
    let mut passed = 0;
    for (phone, number) in phones.iter_mut().zip(0..) {
        say(phone, &message("alice", number));
        if number < 3 {
            assert!(registrar.receive().0.starts_with("MESSAGE"));
            passed += 1;
        } else {
            assert!(hear(phone).starts_with("SIP/2.0 503 "), "{number} behind {passed}");
        }
    }
    let [first, second, ..] = &mut phones[..] else { unreachable!("there are sixteen") };
    say(first, &message("bob", 100));
    assert!(registrar.receive().0.contains("sip:bob@"), "another user has a bucket of its own");
    rig.reload(&text(&target, &format!("{LIMIT}; max-headers 64"), workers)).expect("it is in order");
    let mut fresh = phone(&rig);
    say(&mut fresh, &message("alice", 101));
    assert!(hear(&mut fresh).starts_with("SIP/2.0 503 "), "the bucket is as empty as it was");
    say(second, &message("bob", 102));
    assert!(registrar.receive().0.contains("sip:bob@"), "who was there before counts on");
}
