//! What mails say: each a subject and a text. Plain lines, the link on a line of its own.

/// A mail's subject and text.
pub type Words = (String, String);

/// The end of every mail.
pub const END: &str = "\n-- \nSanctuary\n";

/// A new account: is the address theirs?
pub fn verify(name: &str, link: &str) -> Words {
    (
        "Please confirm your e-mail address".to_owned(),
        format!(
            "Hello {name},\n\nwelcome. Please confirm that this address is yours:\n\n{link}\n\n\
             The link is good for two days. Until then you can look around and ask for support.\n\n\
             If you did not make an account here, you need not do anything.\n{END}"
        ),
    )
}

/// A forgotten password.
pub fn reset(name: &str, link: &str) -> Words {
    (
        "Choose a new password".to_owned(),
        format!(
            "Hello {name},\n\nsomebody, probably you, asked for a new password. You can choose it \
             here:\n\n{link}\n\nThe link is good for an hour, and once. If it was not you, your \
             password stays as it is, and you need not do anything.\n{END}"
        ),
    )
}

/// The password is another one now.
pub fn password_changed(name: &str) -> Words {
    (
        "Your password was changed".to_owned(),
        format!(
            "Hello {name},\n\nyour password was changed just now, and other devices were logged \
             out.\n\nIf it was not you, please choose a new one with \"forgot password\", and \
             write to us.\n{END}"
        ),
    )
}

/// To the new address.
pub fn email_confirm(name: &str, link: &str) -> Words {
    (
        "Please confirm your new e-mail address".to_owned(),
        format!(
            "Hello {name},\n\nyou would like to use this address from now on. Please confirm \
             it:\n\n{link}\n\nThe link is good for two days. If it was not you, you need not do \
             anything.\n{END}"
        ),
    )
}

/// To the old address.
pub fn email_changed(name: &str) -> Words {
    (
        "Your e-mail address was changed".to_owned(),
        format!(
            "Hello {name},\n\nyour account has another e-mail address now, and we write there from \
             here on.\n\nIf it was not you, please write to us: we can help.\n{END}"
        ),
    )
}

/// Who wants an account deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The person.
    Oneself,
    /// Those who run the place.
    Admins,
}

/// The account is to be deleted.
pub fn deletion_requested(name: &str, by: DecidedBy, days: i64) -> Words {
    let when = match days {
        0 => "It goes now.".to_owned(),
        1 => "It stays for a day. Log in within that time, and everything is as before.".to_owned(),
        days => format!(
            "It stays for {days} days. Log in within that time, and everything is as before."
        ),
    };
    let (decided, talk) = match by {
        DecidedBy::Oneself => ("you asked us to delete your account.", ""),
        DecidedBy::Admins => (
            "the people who run this place decided that your account will be deleted.",
            "\n\nIf you would like to talk about it, please answer this mail.",
        ),
    };
    (
        "Your account will be deleted".to_owned(),
        format!(
            "Hello {name},\n\n{decided} {when}\n\nAfter that your name, your profile and your logins \
             are gone. What you wrote to others stays with them, without your name.{talk}\n{END}"
        ),
    )
}

/// That was taken back.
pub fn deletion_cancelled(name: &str) -> Words {
    (
        "Your account stays".to_owned(),
        format!(
            "Hello {name},\n\nyour account will not be deleted. It is good to have you here.\n{END}"
        ),
    )
}

/// The account is paused.
pub fn suspended(name: &str, note: Option<&str>) -> Words {
    let note = note.map(|note| format!("\nThe reason: {note}\n")).unwrap_or_default();
    (
        "Your account is paused".to_owned(),
        format!(
            "Hello {name},\n\nyour account is paused just now. Nothing in it is lost.\n{note}\nIf \
             you would like to talk about it, please answer this mail.\n{END}"
        ),
    )
}

/// That was taken back.
pub fn restored(name: &str) -> Words {
    (
        "Your account is open again".to_owned(),
        format!("Hello {name},\n\nyour account is open again. You can log in as before.\n{END}"),
    )
}

/// An application to be a coach was decided on.
pub fn coach_decided(name: &str, outcome: &str, note: Option<&str>) -> Words {
    let note = note.map(|note| format!("\n{note}\n")).unwrap_or_default();
    ("About you as a coach here".to_owned(), format!("Hello {name},\n\n{outcome}\n{note}{END}"))
}

/// See [`coach_decided`].
pub const COACH_APPROVED: &str = "you are a coach here now. Thank you for being there for others.";
/// See [`coach_decided`].
pub const COACH_REJECTED: &str =
    "thank you for offering to coach. We can't take you in as a coach just now.";
/// See [`coach_decided`].
pub const COACH_SUSPENDED: &str = "you are not listed as a coach just now.";
