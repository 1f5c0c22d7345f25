//! Typed rows: a struct per kind of row, and the values its columns hold.

use protocol::{
    Blob, BookingId, CategoryId, ClientId, CommentId, ConversationId, DeskId, EndpointId,
    ExchangeId, GroupId, LoginId, MediaId, MessageId, NoteId, NotificationId, PaymentId, PlanId,
    PostId, ProductId, RefundId, RequestId, ServiceId, SubscriptionId, UserId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a column holds. The schema's `bigint` and `int` are `Int`, `blob` is `Bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
}

/// Named values of a row. A column that is not named is null.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cells(pub Vec<(&'static str, Value)>);

impl Cells {
    /// The value of a column.
    pub fn get(&self, column: &str) -> &Value {
        self.0.iter().find(|(name, _)| *name == column).map_or(&Value::Null, |(_, value)| value)
    }

    /// A column as a field of a record.
    pub fn field<F: Field>(&self, column: &'static str) -> Result<F, Corrupt> {
        F::from_value(self.get(column)).ok_or(Corrupt { column })
    }
}

/// A row that does not hold what its schema promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column} does not hold what its schema promises")]
pub struct Corrupt {
    /// The column.
    pub column: &'static str,
}

/// A type that fits into a column.
pub trait Field: Sized {
    /// As a value.
    fn into_value(self) -> Value;
    /// From a value; `None` if it does not fit.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! fields {
    ($($type:ty: $variant:ident, $into:expr, $from:expr;)*) => {$(
        impl Field for $type {
            fn into_value(self) -> Value { Value::$variant($into(self)) }
            fn from_value(value: &Value) -> Option<Self> {
                match value { Value::$variant(inner) => $from(inner), _ => None }
            }
        }
    )*};
}

fields! {
    bool: Bool, |v| v, |v: &bool| Some(*v);
    i64: Int, |v| v, |v: &i64| Some(*v);
    u64: Int, |v| i64::try_from(v).unwrap_or(i64::MAX), |v: &i64| u64::try_from(*v).ok();
    u32: Int, i64::from, |v: &i64| u32::try_from(*v).ok();
    String: Text, |v| v, |v: &String| Some(v.clone());
    Vec<u8>: Bytes, |v| v, |v: &Vec<u8>| Some(v.clone());
    Blob: Bytes, |v: Blob| v.0, |v: &Vec<u8>| Some(Blob(v.clone()));
    Uuid: Uuid, |v| v, |v: &Uuid| Some(*v);
    UserId: Uuid, |v: UserId| v.0, |v: &Uuid| Some(UserId(*v));
    LoginId: Uuid, |v: LoginId| v.0, |v: &Uuid| Some(LoginId(*v));
    ConversationId: Uuid, |v: ConversationId| v.0, |v: &Uuid| Some(ConversationId(*v));
    MessageId: Uuid, |v: MessageId| v.0, |v: &Uuid| Some(MessageId(*v));
    MediaId: Uuid, |v: MediaId| v.0, |v: &Uuid| Some(MediaId(*v));
    GroupId: Uuid, |v: GroupId| v.0, |v: &Uuid| Some(GroupId(*v));
    NotificationId: Uuid, |v: NotificationId| v.0, |v: &Uuid| Some(NotificationId(*v));
    EndpointId: Uuid, |v: EndpointId| v.0, |v: &Uuid| Some(EndpointId(*v));
    ClientId: Uuid, |v: ClientId| v.0, |v: &Uuid| Some(ClientId(*v));
    CommentId: Uuid, |v: CommentId| v.0, |v: &Uuid| Some(CommentId(*v));
    CategoryId: Uuid, |v: CategoryId| v.0, |v: &Uuid| Some(CategoryId(*v));
    PostId: Uuid, |v: PostId| v.0, |v: &Uuid| Some(PostId(*v));
    DeskId: Uuid, |v: DeskId| v.0, |v: &Uuid| Some(DeskId(*v));
    RequestId: Uuid, |v: RequestId| v.0, |v: &Uuid| Some(RequestId(*v));
    NoteId: Uuid, |v: NoteId| v.0, |v: &Uuid| Some(NoteId(*v));
    ExchangeId: Uuid, |v: ExchangeId| v.0, |v: &Uuid| Some(ExchangeId(*v));
    BookingId: Uuid, |v: BookingId| v.0, |v: &Uuid| Some(BookingId(*v));
    ServiceId: Uuid, |v: ServiceId| v.0, |v: &Uuid| Some(ServiceId(*v));
    PaymentId: Uuid, |v: PaymentId| v.0, |v: &Uuid| Some(PaymentId(*v));
    RefundId: Uuid, |v: RefundId| v.0, |v: &Uuid| Some(RefundId(*v));
    PlanId: Uuid, |v: PlanId| v.0, |v: &Uuid| Some(PlanId(*v));
    ProductId: Uuid, |v: ProductId| v.0, |v: &Uuid| Some(ProductId(*v));
    SubscriptionId: Uuid, |v: SubscriptionId| v.0, |v: &Uuid| Some(SubscriptionId(*v));
}

impl<F: Field> Field for Option<F> {
    fn into_value(self) -> Value {
        self.map_or(Value::Null, F::into_value)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => F::from_value(value).map(Some),
        }
    }
}

/// A row of a plain table (or, read only, of a table of maxima), key columns included.
pub trait PlainRecord: Sized + Send {
    /// The table.
    const TABLE: &'static str;
    /// The columns it fills.
    const COLUMNS: &'static [&'static str];
    /// As cells.
    fn into_cells(self) -> Cells;
    /// From cells.
    fn from_cells(cells: &Cells) -> Result<Self, Corrupt>;
}

/// A row of a versioned partition, without the partition key.
pub trait VersionedRecord: Sized + Send {
    /// The table.
    const TABLE: &'static str;
    /// First part of the clustering key; says what the row is.
    const KIND: &'static str;
    /// The columns it fills, beside partition key, kind and item.
    const COLUMNS: &'static [&'static str];
    /// As its item (second part of the clustering key) and cells.
    fn into_cells(self) -> (Uuid, Cells);
    /// From both.
    fn from_cells(item: Uuid, cells: &Cells) -> Result<Self, Corrupt>;
}

/// Defines a row: `record! { pub(crate) struct Name in "table" { … } }` for a plain one,
/// `… in "table", kind "kind", item id: Id { … }` for one of a versioned partition.
macro_rules! record {
    ($(#[$doc:meta])* $vis:vis struct $name:ident in $table:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::struct_field_names, reason = "columns have the schema's names")]
        $vis struct $name { $($(#[$field_doc])* pub(crate) $field: $type,)* }

        impl $crate::store::PlainRecord for $name {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];
            fn into_cells(self) -> $crate::store::Cells {
                $crate::store::Cells(vec![
                    $((stringify!($field), $crate::store::Field::into_value(self.$field)),)*
                ])
            }
            fn from_cells(cells: &$crate::store::Cells) -> ::std::result::Result<Self, $crate::store::Corrupt> {
                Ok(Self { $($field: cells.field(stringify!($field))?,)* })
            }
        }
    };
    ($(#[$doc:meta])* $vis:vis struct $name:ident in $table:literal, kind $kind:literal, item $item:ident: $item_type:ty {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            pub(crate) $item: $item_type,
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        impl $crate::store::VersionedRecord for $name {
            const TABLE: &'static str = $table;
            const KIND: &'static str = $kind;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];
            fn into_cells(self) -> (::uuid::Uuid, $crate::store::Cells) {
                (self.$item.into(), $crate::store::Cells(vec![
                    $((stringify!($field), $crate::store::Field::into_value(self.$field)),)*
                ]))
            }
            fn from_cells(
                item: ::uuid::Uuid,
                cells: &$crate::store::Cells,
            ) -> ::std::result::Result<Self, $crate::store::Corrupt> {
                Ok(Self { $item: item.into(), $($field: cells.field(stringify!($field))?,)* })
            }
        }
    };
}
pub(crate) use record;
