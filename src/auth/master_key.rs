//! The one secret of a deployment. Everything sealed or derived hangs on it: signing keys,
//! refresh tokens, sealed notes. All nodes of a deployment have the same.
//!
//! It lives in a file of its own, one line of base64, readable by its owner only. It never gets
//! into the store, a log or an error.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of the key.
const KEY_BYTES: usize = 32;
/// Bytes of a sealed thing's nonce, which stands before it.
const NONCE_BYTES: usize = 24;

/// See the module.
pub struct MasterKey([u8; KEY_BYTES]);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file can't be read or made.
    #[error("the master key file {path} can't be used: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The file holds something else.
    #[error("the master key file {path} must hold 32 bytes in base64, on one line")]
    Content {
        /// Which.
        path: PathBuf,
    },
}

impl MasterKey {
    /// The key in a file, which is made with mode 0600 if it is absent.
    pub fn open(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |cause| MasterKeyError::File { path: path.to_owned(), cause };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(failed)?;
                fs::read_to_string(path).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        warn_if_others_can_read(path);
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| MasterKeyError::Content { path: path.to_owned() })
    }

    /// A key from its bytes, for tests.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key for one purpose. Purposes do not reveal one another.
    pub fn derive(&self, purpose: &str) -> [u8; KEY_BYTES] {
        crate::id::keyed_digest(&self.0, purpose, &[])
    }

    /// Seals things of one purpose.
    pub fn seal(&self, purpose: &str) -> Seal {
        Seal::new(&self.derive(purpose))
    }
}

/// Makes the file whole or not at all, and never replaces one: of two processes that start
/// together both get the first one's key.
fn create(path: &Path) -> io::Result<()> {
    let key: [u8; KEY_BYTES] = crate::id::random().map_err(io::Error::other)?;
    // Not by the process's id: in containers that share a folder each is number 1.
    let draft = path.with_extension(format!("draft-{}", crate::id::fresh::<uuid::Uuid>()));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut file = owner_only(OpenOptions::new().write(true).create_new(true)).open(&draft)?;
    file.write_all(format!("{}\n", STANDARD.encode(key)).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Files made with these options are readable by their owner only.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn warn_if_others_can_read(path: &Path) {
    #[cfg(unix)]
    if let Ok(file) = fs::metadata(path)
        && std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
    {
        tracing::warn!("the master key file can be read by others than its owner");
    }
}

/// Seals bytes with XChaCha20-Poly1305; what it belongs to is bound to it.
pub struct Seal(XChaCha20Poly1305);

impl Seal {
    /// Seals by a key that is not the master's.
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Sealed bytes: a random nonce, then the ciphertext.
    pub fn close(&self, belongs_to: &[u8], plain: &[u8]) -> crate::error::Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = crate::id::random()?;
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: belongs_to })
            .map_err(|_| crate::error::internal(&"sealing failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// The bytes, if they were sealed by this key for the same owner.
    pub fn open(&self, belongs_to: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: belongs_to }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = MasterKey::open(&path).unwrap();
        let second = MasterKey::open(&path).unwrap();
        assert_eq!(first.0, second.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_with_something_else_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        for text in ["", "hello", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            fs::write(&path, text).unwrap();
            let error = MasterKey::open(&path).map(|_| ()).unwrap_err();
            assert!(matches!(error, MasterKeyError::Content { .. }), "{text:?}");
        }
        fs::write(&path, STANDARD.encode([1; 32])).unwrap();
        assert!(MasterKey::open(&path).is_ok());
    }

    #[test]
    fn what_is_sealed_opens_only_for_its_owner_purpose_and_key() {
        let key = MasterKey::from_bytes([1; 32]);
        let sealed = key.seal("notes").close(b"anna", b"hello").unwrap();
        assert_eq!(key.seal("notes").open(b"anna", &sealed).as_deref(), Some(b"hello".as_slice()));
        assert_eq!(key.seal("notes").open(b"ben", &sealed), None);
        assert_eq!(key.seal("keys").open(b"anna", &sealed), None);
        assert_eq!(MasterKey::from_bytes([2; 32]).seal("notes").open(b"anna", &sealed), None);
        assert_eq!(key.seal("notes").open(b"anna", b"short"), None);
    }
}
