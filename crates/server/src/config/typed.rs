//! From the untyped tree to typed sections: a `serde` deserializer that lets the target decide
//! what a text means, as Go's `yaml.v2` does. `12345` is a number to a number and a text to a
//! text.

use std::str::FromStr;

use serde::Deserialize;
use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::config::cursor::Cursor;
use crate::config::fault::{Fault, Problem, quote};
use crate::config::node::{Scalar, Value};
use crate::config::{duration, scalar};

/// Deserializes a word that `T` parses; the empty text is `T`'s default.
pub(crate) fn keyword<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err = String> + Default,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(T::default());
    }
    text.parse().map_err(serde::de::Error::custom)
}

/// One method for each integer type: the same reading, another range.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let integer = self.integer()?;
            let narrow = <$type>::try_from(integer)
                .map_err(|_| self.value_fault(format!("{integer} is not between {} and {}", <$type>::MIN, <$type>::MAX)))?;
            visitor.$visit(narrow)
        }
    )*};
}

impl<'de> Deserializer<'de> for Cursor<'de> {
    type Error = Fault;

    integers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Section(_) => self.deserialize_map(visitor),
            Value::Scalar(scalar) if scalar.is_null() => visitor.visit_unit(),
            Value::Scalar(scalar) if scalar.quoted => visitor.visit_borrowed_str(&scalar.text),
            Value::Scalar(Scalar { text, .. }) => {
                if let Some(boolean) = scalar::boolean(text, false) {
                    visitor.visit_bool(boolean)
                } else if let Some(integer) =
                    scalar::integer(text).and_then(|integer| i64::try_from(integer).ok())
                {
                    visitor.visit_i64(integer)
                } else if let Some(float) = scalar::float(text) {
                    visitor.visit_f64(float)
                } else {
                    visitor.visit_borrowed_str(text)
                }
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let scalar = self.scalar("a boolean")?;
        if scalar.is_null() {
            return visitor.visit_bool(false);
        }
        let boolean = scalar::boolean(&scalar.text, scalar.quoted).ok_or_else(|| {
            self.value_fault(format!(
                "{} is not a boolean; use true or false",
                quote(&scalar.text)
            ))
        })?;
        visitor.visit_bool(boolean)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let scalar = self.scalar("a number")?;
        let float = scalar::float(&scalar.text)
            .ok_or_else(|| self.value_fault(format!("{} is not a number", quote(&scalar.text))))?;
        visitor.visit_f64(float)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let scalar = self.scalar("a text; put it in quotes if it is meant as one")?;
        visitor.visit_borrowed_str(if scalar.is_null() { "" } else { &scalar.text })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if name == duration::NAME {
            let nanoseconds: U64Deserializer<Fault> = self.duration()?.into_deserializer();
            nanoseconds.deserialize_u64(visitor)
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let elements = self.elements()?.into_iter();
        visitor.visit_seq(Elements(elements))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let children = self.children()?;
        visitor.visit_map(Entries::new(children))
    }

    /// A key without a value is as good as no key, so that its default applies; an unknown key is
    /// worth a warning.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut children = self.children()?;
        children.retain(|(key, child)| {
            let known = fields.contains(key);
            if !known {
                child.warn_unknown(fields);
            }
            known && !child.node.is_null()
        });
        visitor.visit_map(Entries::new(children))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let scalar = self.scalar("a word")?;
        visitor.visit_enum(StrDeserializer::new(&scalar.text))
    }
}

/// The elements of a list.
struct Elements<'de>(std::vec::IntoIter<Cursor<'de>>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some(element) = self.0.next() else {
            return Ok(None);
        };
        let value = seed
            .deserialize(element.clone())
            .map_err(|fault| element.locate(fault))?;
        Ok(Some(value))
    }
}

/// The keys and values of a section.
struct Entries<'de> {
    children: std::vec::IntoIter<(&'de str, Cursor<'de>)>,
    value: Option<Cursor<'de>>,
}

impl<'de> Entries<'de> {
    fn new(children: Vec<(&'de str, Cursor<'de>)>) -> Self {
        Self {
            children: children.into_iter(),
            value: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.children.next() else {
            return Ok(None);
        };
        let key = seed
            .deserialize(StrDeserializer::new(key))
            .map_err(|fault: Fault| value.locate(fault))?;
        self.value = Some(value);
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self.value.take().ok_or_else(|| {
            Fault::new(Problem::Value("a value was read before its key".to_owned()))
        })?;
        seed.deserialize(value.clone())
            .map_err(|fault| value.locate(fault))
    }
}

#[cfg(test)]
mod tests;
