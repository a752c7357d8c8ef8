//! What another program may do with its key.

/// A part of what `/open-api` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Say who members are, and end their sessions.
    Member,
    /// Write to members.
    Message,
    /// Nothing yet: for bots that serve members.
    Bot,
    /// Nothing yet: for those who read what was written.
    Export,
}

impl Scope {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Member, Self::Message, Self::Bot, Self::Export];

    /// The name on the wire and in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Message => "message",
            Self::Bot => "bot",
            Self::Export => "export",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// What `api_key::extract::Key` asks of a key, as a type.
pub trait Scoped: 'static {
    /// The scope that the key must have.
    const SCOPE: Scope;
}

/// [`Scope::Member`].
#[derive(Clone, Copy, Debug)]
pub enum KeepMembers {}

impl Scoped for KeepMembers {
    const SCOPE: Scope = Scope::Member;
}

/// [`Scope::Message`].
#[derive(Clone, Copy, Debug)]
pub enum WriteToMembers {}

impl Scoped for WriteToMembers {
    const SCOPE: Scope = Scope::Message;
}
