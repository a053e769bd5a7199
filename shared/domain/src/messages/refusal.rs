//! What a provider's "no" means: whose fault it is, and what follows.

use serde::{Deserialize, Serialize};

/// Where in the conversation the answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Connect,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    FinalDot,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Auth => "auth",
            Self::MailFrom => "mail_from",
            Self::RcptTo => "rcpt_to",
            Self::Data => "data",
            Self::FinalDot => "final_dot",
        }
    }
}

/// Kinds of refusal, as shown in a message's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalClass {
    /// Could not be reached, hung up, or answered nothing in time, before the point of no return.
    Network,
    /// Come back later.
    Greylisted,
    /// Too much, too fast: for the account, not for this recipient.
    Throttled,
    /// The account's own credentials or standing.
    Auth,
    /// The sender's address, domain or policy record.
    SenderRejected,
    /// No such mailbox or domain.
    InvalidRecipient,
    /// The mailbox exists no more, or takes no mail.
    InactiveMailbox,
    MailboxFull,
    /// The content or the mail as such is unwanted there.
    Policy,
    /// Our side of the conversation was not understood, or theirs made no sense.
    Protocol,
    /// The message could not be rendered or built.
    Render,
}

/// Whether a class, as it is stored, says that the address itself takes no mail.
pub fn blames_address(class: &str) -> bool {
    [RefusalClass::InvalidRecipient, RefusalClass::InactiveMailbox].iter().any(|bad| bad.as_str() == class)
}

impl RefusalClass {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Greylisted => "greylisted",
            Self::Throttled => "throttled",
            Self::Auth => "auth",
            Self::SenderRejected => "sender_rejected",
            Self::InvalidRecipient => "invalid_recipient",
            Self::InactiveMailbox => "inactive_mailbox",
            Self::MailboxFull => "mailbox_full",
            Self::Policy => "policy",
            Self::Protocol => "protocol",
            Self::Render => "render",
        }
    }
}

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Try again later; tries are counted.
    Retry,
    /// The account must be mended first: the message waits, the sender is charged, the recipient is not.
    BlameSender,
    /// Over for this message.
    Fail,
    /// Over for this address.
    FailAndSuppress,
}

/// A refusal, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub class: RefusalClass,
    pub action: Action,
}

impl Refusal {
    /// The provider wants less from the whole account, not from this message: its bucket is parked for the fleet.
    pub fn is_pushback(self) -> bool {
        self.class == RefusalClass::Throttled && self.action == Action::Retry
    }
}

/// Reads an SMTP refusal (a code of 400 or more). `text` is the reply's text, which may begin with an enhanced code.
pub fn classify(phase: Phase, code: u16, text: &str) -> Refusal {
    use Action::{BlameSender, Fail, FailAndSuppress, Retry};
    use RefusalClass as Class;
    let permanent = code >= 500;
    let by_permanence = |class, action| Refusal { class, action: if permanent { action } else { Retry } };

    if phase == Phase::Auth {
        return by_permanence(Class::Auth, BlameSender);
    }
    // Before anybody was named the answer can only be about who connects.
    if phase == Phase::Connect {
        return by_permanence(if permanent { Class::SenderRejected } else { Class::Throttled }, BlameSender);
    }
    let Some((subject, detail)) = enhanced(text) else {
        return classify_bare(phase, code);
    };
    match (subject, detail) {
        (1, _) if phase == Phase::MailFrom => by_permanence(Class::SenderRejected, BlameSender),
        (1, 1..=4) => by_permanence(Class::InvalidRecipient, FailAndSuppress),
        (1, 10) | (7, 17 | 18) => by_permanence(Class::InvalidRecipient, FailAndSuppress),
        (1, 7 | 8) => by_permanence(Class::SenderRejected, BlameSender),
        (1, 6) | (2, 1) | (7, 13) if permanent => Refusal { class: Class::InactiveMailbox, action: FailAndSuppress },
        // This mailbox alone takes no more for the moment.
        (2, 1) => Refusal { class: Class::Greylisted, action: Retry },
        (2, 2 | 3) | (3, 1 | 4) => Refusal { class: Class::MailboxFull, action: Retry },
        // Gmail's daily sending limit is a 550 that ends at midnight; "too many recipients" and floods pass as well.
        (4, 5) | (5, 3) | (7, 28 | 38) => Refusal { class: Class::Throttled, action: Retry },
        (4, 7) => by_permanence(Class::Greylisted, Fail),
        (4, _) => by_permanence(Class::Network, Fail),
        (5 | 6, _) => by_permanence(Class::Protocol, Fail),
        (7, 0 | 8 | 9) if phase != Phase::RcptTo && phase != Phase::FinalDot => by_permanence(Class::Auth, BlameSender),
        (7, 20..=32 | 40 | 515) => by_permanence(Class::SenderRejected, BlameSender),
        (7, _) if !permanent => Refusal { class: Class::Greylisted, action: Retry },
        (7, _) => Refusal { class: Class::Policy, action: Fail },
        _ => classify_bare(phase, code),
    }
}

/// Without an enhanced code nothing is known about the address itself, so nothing is suppressed.
fn classify_bare(phase: Phase, code: u16) -> Refusal {
    use RefusalClass as Class;
    match code {
        421 => Refusal { class: Class::Throttled, action: Action::Retry },
        452 | 552 => Refusal { class: Class::MailboxFull, action: Action::Retry },
        400..500 => Refusal { class: Class::Greylisted, action: Action::Retry },
        530 | 534 | 535 | 538 => Refusal { class: Class::Auth, action: Action::BlameSender },
        500..=504 | 555 => Refusal { class: Class::Protocol, action: Action::Fail },
        _ if phase == Phase::MailFrom => Refusal { class: Class::SenderRejected, action: Action::BlameSender },
        550 | 551 | 553 if phase == Phase::RcptTo => Refusal { class: Class::InvalidRecipient, action: Action::Fail },
        _ => Refusal { class: Class::Policy, action: Action::Fail },
    }
}

/// The subject and detail of an enhanced status code (RFC 3463) at the start of a reply's text.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.split('.');
    let class = numbers.next()?;
    let (subject, detail) = (numbers.next()?, numbers.next()?);
    if !matches!(class, "4" | "5") || numbers.next().is_some() {
        return None;
    }
    Some((subject.parse().ok()?, detail.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{BlameSender, Fail, FailAndSuppress, Retry};
    use RefusalClass as Class;

    #[test]
    fn replies_are_told_apart_by_whose_fault_they_are() {
        for (phase, code, text, class, action) in [
            (Phase::RcptTo, 550, "5.1.1 no such user", Class::InvalidRecipient, FailAndSuppress),
            (Phase::RcptTo, 451, "4.1.1 try later", Class::InvalidRecipient, Retry),
            (Phase::RcptTo, 550, "no such user", Class::InvalidRecipient, Fail),
            (Phase::RcptTo, 556, "5.1.10 null MX", Class::InvalidRecipient, FailAndSuppress),
            (Phase::RcptTo, 550, "5.2.1 disabled", Class::InactiveMailbox, FailAndSuppress),
            (Phase::RcptTo, 450, "4.2.1 receiving mail too quickly", Class::Greylisted, Retry),
            (Phase::RcptTo, 450, "4.7.1 greylisted", Class::Greylisted, Retry),
            (Phase::RcptTo, 452, "4.2.2 over quota", Class::MailboxFull, Retry),
            (Phase::RcptTo, 552, "5.2.2 over quota", Class::MailboxFull, Retry),
            (Phase::RcptTo, 452, "4.5.3 too many recipients", Class::Throttled, Retry),
            (Phase::FinalDot, 550, "5.4.5 Daily user sending limit exceeded", Class::Throttled, Retry),
            (Phase::FinalDot, 554, "5.7.1 message rejected as spam", Class::Policy, Fail),
            (Phase::FinalDot, 554, "no thank you", Class::Policy, Fail),
            (Phase::FinalDot, 550, "5.7.515 authentication level", Class::SenderRejected, BlameSender),
            (Phase::FinalDot, 550, "5.7.26 unauthenticated", Class::SenderRejected, BlameSender),
            (Phase::FinalDot, 421, "4.7.28 unusual rate", Class::Throttled, Retry),
            (Phase::MailFrom, 553, "5.1.8 bad sender domain", Class::SenderRejected, BlameSender),
            (Phase::MailFrom, 550, "not you", Class::SenderRejected, BlameSender),
            (Phase::MailFrom, 530, "5.7.0 must issue STARTTLS", Class::Auth, BlameSender),
            (Phase::MailFrom, 530, "authenticate first", Class::Auth, BlameSender),
            (Phase::Auth, 535, "5.7.8 bad credentials", Class::Auth, BlameSender),
            (Phase::Auth, 454, "4.7.0 temporary", Class::Auth, Retry),
            (Phase::Data, 503, "5.5.1 bad sequence", Class::Protocol, Fail),
            (Phase::Data, 451, "local error", Class::Greylisted, Retry),
            (Phase::Connect, 421, "too busy", Class::Throttled, Retry),
            (Phase::Connect, 554, "5.7.1 your address is blocked", Class::SenderRejected, BlameSender),
            (Phase::Connect, 554, "no SMTP service here", Class::SenderRejected, BlameSender),
            (Phase::MailFrom, 550, "5.1.1 unknown sender", Class::SenderRejected, BlameSender),
        ] {
            assert_eq!(classify(phase, code, text), Refusal { class, action }, "{code} {text}");
        }
    }

    #[test]
    fn only_a_permanent_verdict_on_the_address_ever_suppresses() {
        for code in [421, 450, 451, 452, 454] {
            for detail in ["4.1.1", "4.2.1", "4.7.1", "4.1.10"] {
                let refusal = classify(Phase::RcptTo, code, detail);
                assert_ne!(refusal.action, FailAndSuppress, "{code} {detail}");
            }
        }
    }
}
