use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::{ContentId, TenantId};

/// An immutable template, stored once per tenant however many messages use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub subject: String,
    pub html: Option<String>,
    pub text: Option<String>,
}

impl Content {
    /// The id is the hash: the same template of the same tenant is the same row, without asking first. The tenant is
    /// part of it, so nobody can make two tenants share one.
    pub fn id(&self, tenant: TenantId) -> ContentId {
        let mut hash = Sha256::new();
        hash.update(tenant.0.as_bytes());
        for part in [Some(&self.subject), self.html.as_ref(), self.text.as_ref()] {
            hash.update([u8::from(part.is_some())]);
            let bytes = part.map_or(&b""[..], |part| part.as_bytes());
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        ContentId(Uuid::new_v8(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_tenant_and_every_part() {
        let content = |subject: &str, html: Option<&str>, text: Option<&str>| Content {
            subject: subject.into(),
            html: html.map(Into::into),
            text: text.map(Into::into),
        };
        let (one, two) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        let base = content("a", Some("b"), None);
        assert_eq!(base.id(one), content("a", Some("b"), None).id(one));
        for other in [
            base.id(two),
            content("a", None, Some("b")).id(one),
            content("ab", Some(""), None).id(one),
            content("a", Some("b"), Some("")).id(one),
        ] {
            assert_ne!(base.id(one), other);
        }
    }
}
