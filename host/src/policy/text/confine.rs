//! Reading how processes are confined.

use std::path::PathBuf;

use toml::de::DeValue;

use super::super::confine::no_port;
use super::super::refusal::{near_miss, quote};
use super::super::{Confine, Network};
use super::{Read, Reader, Value, kind};

const CONFINE_KEYS: &[&str] = &["tier", "read", "hide", "tmp"];

impl Reader<'_> {
    pub(super) fn confine(&mut self, at: &str, value: &Value<'_>) -> Read<Confine> {
        let table = self.table(value, at, "a table with `tier`, `read`, `hide` and `tmp`")?;
        let mut confine = Confine::default();
        for (key, value) in table {
            let place = format!("{at}.{}", key.get_ref());
            match key.get_ref().as_ref() {
                "tier" => {
                    let tier = self.string(value, &place, "\"full\", \"reduced\" or \"none\"")?;
                    confine.tier = Some(
                        tier.parse()
                            .or_else(|why| self.fail(value, format!("{place}: {why}")))?,
                    );
                }
                "read" => confine.read = self.paths(&place, value)?,
                "hide" => confine.hide = self.paths(&place, value)?,
                "tmp" => confine.tmp = Some(self.size(value, &place)?),
                _ => return self.unknown(key, &format!("[{at}]"), CONFINE_KEYS),
            }
            self.remember(place, value.span());
        }
        Ok(confine)
    }

    pub(super) fn network(&mut self, at: &str, value: &Value<'_>) -> Read<Network> {
        self.remember(at, value.span());
        let choices = "\"none\", \"host\" or a table such as { connect = [443] }";
        match value.get_ref() {
            DeValue::String(text) => match text.as_ref() {
                "none" => Ok(Network::None),
                "host" => Ok(Network::Host),
                other => {
                    let hint = near_miss(other, ["none", "host"].into_iter())
                        .map(|near| format!("; did you mean {near:?}?"))
                        .unwrap_or_default();
                    self.fail(value, format!("{at}: {} is not one of {choices}{hint}", quote(other)))
                }
            },
            DeValue::Table(table) => {
                self.known_keys(table, at, &["connect"])?;
                match table.get("connect") {
                    Some(ports) => self.ports(&format!("{at}.connect"), ports).map(Network::Connect),
                    None => self.fail(value, format!("{at}: the table is empty; write {choices}")),
                }
            }
            other => self.fail(value, format!("{at} takes {choices}, not {}", kind(other))),
        }
    }

    fn ports(&mut self, at: &str, value: &Value<'_>) -> Read<Vec<u16>> {
        self.remember(at, value.span());
        let mut ports = Vec::new();
        for (index, value) in self.array(value, at, "an array of ports")?.iter().enumerate() {
            let at = format!("{at}[{index}]");
            let number = self.whole(value, &at)?;
            ports.push(
                u16::try_from(number)
                    .or_else(|_| self.fail(value, format!("{at}: {}", no_port(&number.to_string()))))?,
            );
            self.remember(at, value.span());
        }
        Ok(ports)
    }

    pub(super) fn paths(&mut self, at: &str, value: &Value<'_>) -> Read<Vec<PathBuf>> {
        self.remember(at, value.span());
        let paths = self.strings(at, value, "an array of absolute paths of the host")?;
        Ok(paths.into_iter().map(PathBuf::from).collect())
    }
}
