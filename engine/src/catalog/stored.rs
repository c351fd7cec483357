//! How the model's types lie inside rkyv rows: the same fields, declared once more, because the model knows no rkyv.
//!
//! Deliberately absent: rows (`rows.rs`) and bytes (`value.rs`).

use rkyv::rancor::{Fallible, Source};
use rkyv::string::{ArchivedString, StringResolver};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize, SerializeUnsized};

use crate::model::{
    Digest, FamilyId, GroupId, HOME, JobId, KeyEpoch, Name, NameError, PackId, PointId, PointOrder, Proof, SeedId,
    State, Time, VaultId, WriterId,
};

macro_rules! stored_id {
    ($($def:ident = $id:ident, $bytes:literal;)*) => {$(
        #[doc = concat!("How a [`", stringify!($id), "`] is stored.")]
        #[derive(Archive, Serialize, Deserialize)]
        #[rkyv(remote = $id)]
        pub struct $def(pub [u8; $bytes]);

        impl From<$def> for $id {
            fn from(stored: $def) -> Self {
                Self(stored.0)
            }
        }
    )*};
}

stored_id! {
    FamilyIdDef = FamilyId, 16;
    VaultIdDef = VaultId, 16;
    WriterIdDef = WriterId, 16;
    JobIdDef = JobId, 8;
    GroupIdDef = GroupId, 8;
    PointIdDef = PointId, 8;
    SeedIdDef = SeedId, 8;
    PackIdDef = PackId, 32;
    DigestDef = Digest, 32;
}

/// How a [`KeyEpoch`] is stored.
#[derive(Archive, Serialize, Deserialize)]
#[rkyv(remote = KeyEpoch)]
pub struct KeyEpochDef(pub u32);

impl From<KeyEpochDef> for KeyEpoch {
    fn from(stored: KeyEpochDef) -> Self {
        Self(stored.0)
    }
}

/// How a [`PointOrder`] is stored.
#[derive(Archive, Serialize, Deserialize)]
#[rkyv(remote = PointOrder)]
pub struct PointOrderDef {
    /// The writer's epoch.
    pub epoch: u32,
    /// The number within it.
    pub sequence: u64,
}

impl From<PointOrderDef> for PointOrder {
    fn from(stored: PointOrderDef) -> Self {
        Self { epoch: stored.epoch, sequence: stored.sequence }
    }
}

/// How a [`Time`] is stored.
#[derive(Archive, Serialize, Deserialize)]
#[rkyv(remote = Time)]
pub struct TimeDef {
    /// Whole seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds after that.
    pub nanos: u32,
}

impl From<TimeDef> for Time {
    fn from(stored: TimeDef) -> Self {
        Self { seconds: stored.seconds, nanos: stored.nanos }
    }
}

macro_rules! stored_enum {
    ($def:ident = $model:ident { $($variant:ident),* }) => {
        #[doc = concat!("How a [`", stringify!($model), "`] is stored: the order of the variants is the layout.")]
        #[derive(Archive, Serialize, Deserialize)]
        #[rkyv(remote = $model)]
        #[allow(missing_docs, reason = "the model documents each variant")]
        pub enum $def {
            $($variant),*
        }

        impl From<$def> for $model {
            fn from(stored: $def) -> Self {
                match stored {
                    $($def::$variant => Self::$variant),*
                }
            }
        }
    };
}

stored_enum!(StateDef = State { Pending, Copying, Present, Complete, NotWanted, Evicted, Missing, Damaged });
stored_enum!(ProofDef = Proof { None, Present, Complete, BytesRead, Restored, Opened, RestoredCold });

/// Stores a [`Name`] as its text; read back, it must be a name again.
pub struct NameText;

impl ArchiveWith<Name> for NameText {
    type Archived = ArchivedString;
    type Resolver = StringResolver;

    fn resolve_with(name: &Name, resolver: Self::Resolver, out: Place<Self::Archived>) {
        ArchivedString::resolve_from_str(name.as_str(), resolver, out);
    }
}

impl<S: Fallible + ?Sized> SerializeWith<Name, S> for NameText
where
    S::Error: Source,
    str: SerializeUnsized<S>,
{
    fn serialize_with(name: &Name, serializer: &mut S) -> Result<Self::Resolver, S::Error> {
        ArchivedString::serialize_from_str(name.as_str(), serializer)
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<ArchivedString, Name, D> for NameText
where
    D::Error: Source,
{
    fn deserialize_with(text: &ArchivedString, _: &mut D) -> Result<Name, D::Error> {
        name(text.as_str()).map_err(D::Error::new)
    }
}

fn name(text: &str) -> Result<Name, NameError> {
    if text == HOME { Ok(Name::home()) } else { text.parse() }
}
