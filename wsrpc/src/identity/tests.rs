use std::{error::Error, fs, path::Path};

use super::*;

const SEED: &str = "5ae73174dfe4ae293e25ba6845e76d9819e5f5432ff8820d5c996be292abf14f";
const PUBLIC: &str = "0f17c3bf72de8beef6e2d17a14c0a972f5d7e0e66e70722373f12b88382d40f9";
/// What Go's `x509.MarshalPKCS8PrivateKey` makes of the seed.
const PEM: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIFrnMXTf5K4pPiW6aEXnbZgZ5fVDL/iCDVyZa+KSq/FP
-----END PRIVATE KEY-----
";
const ENCRYPTED_PEM: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjWhZCcaoqqogICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDFS3dSXdVmdsmDbEzq5SPgEQBvm
Zt5dnTtxRBPPlVyQ2w3QytMuisGTWIdDi7d11eWiEaJRbfPtD+QR98iMiwCiWKOK
0NCbQBXpeFHR8eG+Yvw=
-----END ENCRYPTED PRIVATE KEY-----
";
const ECDSA_PEM: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgL3WV9qqt6FP+sVl+
T4gyzqqYipnE+iu9S5H71J7oUFChRANCAATQlwncoQJxioRQGra8/bV9PaYX6lT/
W3b/YiZ0LeUI/H20tPGlhTfHKT6BIU92R3BqpzpD8Hiyamh06cZT5Dzb
-----END PRIVATE KEY-----
";
const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAclUjuS39LprlrE39wCc4LKMNg7e0NtgpRpWjZ2+C2kg=
-----END PUBLIC KEY-----
";

fn secret() -> SecretKey {
    SEED.parse().unwrap()
}

fn public() -> PublicKey {
    PUBLIC.parse().unwrap()
}

#[test]
fn a_public_key_reads_what_it_writes() {
    let key = public();
    assert_eq!(key.to_string(), PUBLIC);
    assert_eq!(PUBLIC.to_uppercase().parse(), Ok(key));
    assert_eq!(PublicKey::from_bytes(*key.as_bytes()), Ok(key));
    assert_eq!(PublicKey::try_from(&key.as_bytes()[..]), Ok(key));
    assert_eq!(format!("{key:?}"), "PublicKey(0f17c3bf…)");
    assert_eq!(key.short().to_string(), "0f17c3bf");
}

#[test]
fn text_that_is_no_public_key_is_told_why() {
    let digit = |position, found| KeyError::PublicKeyDigit { position, found };
    for (text, error) in [
        (String::new(), KeyError::PublicKeyLength { digits: 0 }),
        (
            PUBLIC[..63].into(),
            KeyError::PublicKeyLength { digits: 63 },
        ),
        (PUBLIC.repeat(2), KeyError::PublicKeyLength { digits: 128 }),
        (format!("0x{PUBLIC}"), digit(2, 'x')),
        (format!(" {PUBLIC}"), digit(1, ' ')),
        (format!("{PUBLIC}\n"), digit(65, '\n')),
        (PUBLIC.replace("72", "7é"), digit(10, 'é')),
    ] {
        assert_eq!(text.parse::<PublicKey>(), Err(error), "{text:?}");
    }
    assert_eq!(
        PublicKey::try_from(&[1; 31][..]),
        Err(KeyError::PublicKeyBytes { bytes: 31 })
    );
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    let off_curve = [2; 32];
    assert!(matches!(
        PublicKey::from_bytes(off_curve),
        Err(KeyError::NotOnCurve { start }) if start.starts_with("02020202") && start.len() < 12
    ));
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    assert!(matches!(
        PublicKey::from_bytes(identity_point),
        Err(KeyError::Weak { .. })
    ));
}

#[test]
fn a_second_spelling_of_a_key_is_refused() {
    // Coordinates below 19 have a second spelling, with the field's prime 2^255 - 19 added.
    let mut refused = 0;
    for (y, sign) in (2..19).flat_map(|y| [(y, 0), (y, 0x80)]) {
        let mut canonical = [0; 32];
        canonical[0] = y;
        canonical[31] = sign;
        let mut other = [0xff; 32];
        other[0] = 0xed + y;
        other[31] = 0x7f | sign;
        if PublicKey::from_bytes(canonical).is_ok() {
            let error = PublicKey::from_bytes(other).unwrap_err();
            assert!(matches!(error, KeyError::NotCanonical { .. }), "{error}");
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[test]
fn the_canonical_spelling_is_the_one_that_dalek_writes() {
    let (mut accepted, mut refused) = (0, 0);
    // The lowest byte of the field's prime is 0xed: from a little below it to all that 255 bits can say above it.
    for (lowest, highest) in (0xc0..=0xff).flat_map(|lowest| [(lowest, 0x7f), (lowest, 0xff)]) {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (lowest, highest);
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&bytes) else {
            assert!(matches!(
                PublicKey::from_bytes(bytes),
                Err(KeyError::NotOnCurve { .. })
            ));
            continue;
        };
        let canonical = key.to_edwards().compress().to_bytes() == bytes;
        match PublicKey::from_bytes(bytes) {
            Ok(_) => accepted += usize::from(canonical),
            Err(KeyError::NotCanonical { .. }) => refused += usize::from(!canonical),
            Err(error) => assert!(key.is_weak(), "{error}"),
        }
        assert_eq!(
            PublicKey::from_bytes(bytes).is_ok(),
            canonical && !key.is_weak()
        );
    }
    assert!(accepted > 0 && refused > 0);
}

#[test]
fn keys_without_an_x_are_weak_in_each_spelling() {
    // With y = 1 and y = -1, x is 0: signs, and the field's prime added, make other spellings.
    let below = |lowest, highest| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (lowest, highest);
        bytes
    };
    let one = |highest| {
        let mut bytes = [0; 32];
        (bytes[0], bytes[31]) = (1, highest);
        bytes
    };
    for bytes in [
        one(0),
        one(0x80),
        below(0xec, 0x7f),
        below(0xec, 0xff),
        below(0xee, 0x7f),
        below(0xee, 0xff),
    ] {
        assert!(PublicKey::from_bytes(bytes).is_err(), "{bytes:02x?}");
    }
}

#[test]
fn a_secret_key_reads_both_hex_forms() {
    assert_eq!(secret().public_key(), public());
    let go_form = format!("{SEED}{}", PUBLIC.to_uppercase());
    let key: SecretKey = go_form.parse().unwrap();
    assert_eq!(key.public_key(), public());
}

#[test]
fn text_that_is_no_secret_key_is_told_why() {
    for (text, error) in [
        (
            SEED[1..].to_owned(),
            KeyError::SecretKeyLength { digits: 63 },
        ),
        (
            format!("{SEED}{SEED}ab"),
            KeyError::SecretKeyLength { digits: 130 },
        ),
        (
            format!("{SEED}g"),
            KeyError::SecretKeyDigit { position: 65 },
        ),
        (
            format!("{SEED}{}z", &SEED[1..]),
            KeyError::SecretKeyDigit { position: 128 },
        ),
        (format!("{SEED}{SEED}"), KeyError::Mismatch),
    ] {
        assert_eq!(text.parse::<SecretKey>().unwrap_err(), error, "{text:?}");
    }
}

#[test]
fn a_signature_is_of_its_key_and_message() {
    let signature = secret().sign(b"message");
    assert!(public().verify(b"message", &signature));
    assert!(!public().verify(b"another", &signature));
    let other = SecretKey::generate();
    assert!(!other.public_key().verify(b"message", &signature));
    assert_ne!(other.public_key(), SecretKey::generate().public_key());
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!("{:?} {:?}", secret(), Identity::from(secret()));
    assert_eq!(
        shown,
        "SecretKey(of PublicKey(0f17c3bf…)) Identity { public_key: PublicKey(0f17c3bf…), .. }"
    );
}

#[test]
fn pem_is_read_as_go_writes_it() {
    for pem in [
        PEM.to_owned(),
        PEM.replace('\n', "\r\n"),
        format!("\n{PEM}\n\n"),
    ] {
        let key = SecretKey::from_pkcs8_pem(&pem).unwrap();
        assert_eq!(key.public_key(), public());
    }
    assert_eq!(*secret().to_pkcs8_pem(), PEM);
}

#[test]
fn pem_that_is_no_secret_key_is_told_why() {
    let pem_error = |pem: &str| SecretKey::from_pkcs8_pem(pem).unwrap_err();
    assert_eq!(pem_error(ENCRYPTED_PEM), KeyError::PemEncrypted);
    let algorithm = "ECDSA".to_owned();
    assert_eq!(pem_error(ECDSA_PEM), KeyError::PemAlgorithm { algorithm });
    for (pem, label) in [
        (PUBLIC_PEM.to_owned(), "PUBLIC KEY"),
        (PEM.replace("PRIVATE", "RSA PRIVATE"), "RSA PRIVATE KEY"),
    ] {
        let label = label.to_owned();
        assert_eq!(pem_error(&pem), KeyError::PemLabel { label });
    }
    for pem in [SEED.to_owned(), PEM.replace("MC4", "MC5"), PEM[..60].into()] {
        let error = pem_error(&pem);
        assert!(matches!(error, KeyError::PemMalformed { .. }), "{error}");
        assert!(!error.to_string().contains("5ae7"), "{error}");
    }
}

fn file(folder: &Path, content: impl AsRef<[u8]>) -> std::path::PathBuf {
    let path = folder.join("key");
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_key_file_holds_pem_or_hex() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for content in [
        PEM.into(),
        format!("{SEED}\n"),
        format!("{SEED}{PUBLIC}\r\n"),
    ] {
        let key = SecretKey::read_file(file(folder.path(), content))?;
        assert_eq!(key.public_key(), public());
    }
    Ok(())
}

#[test]
fn a_bad_key_file_is_named() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let read = |content: &[u8]| SecretKey::read_file(file(folder.path(), content)).unwrap_err();
    let missing = SecretKey::read_file(folder.path().join("none")).unwrap_err();
    assert!(matches!(missing, KeyFileError::Read { .. }), "{missing}");
    let large = read(&[b'a'; 20_000]);
    assert!(matches!(large, KeyFileError::TooLarge { .. }), "{large}");
    let binary = read(&[0xff; 32]);
    assert!(matches!(binary, KeyFileError::NotText { .. }), "{binary}");
    let short = read(&SEED.as_bytes()[..60]);
    assert!(
        matches!(
            short,
            KeyFileError::Key {
                error: KeyError::SecretKeyLength { digits: 60 },
                ..
            }
        ),
        "{short}"
    );
    for error in [missing, large, binary, short] {
        let text = error.to_string();
        assert!(text.contains(&*folder.path().to_string_lossy()), "{text}");
        assert!(!text.contains(&SEED[..8]), "{text}");
    }
    Ok(())
}

#[test]
fn a_written_key_file_is_new_and_private() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("key.pem");
    secret().write_file(&path)?;
    assert_eq!(SecretKey::read_file(&path)?.public_key(), public());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
    }

    let error = SecretKey::generate().write_file(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path)?, PEM);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_key_file_open_to_others_is_warned_about() -> Result<(), Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir()?;
    let path = file(folder.path(), SEED);
    for (mode, warned) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        let warning = key_file::exposure(&path, &fs::File::open(&path)?)?;
        assert_eq!(warning.is_some(), warned, "mode {mode:o}: {warning:?}");
        let advice = format!("chmod 600 {}", path.display());
        assert!(warning.is_none_or(|text| text.contains(&advice)));
    }
    Ok(())
}

#[cfg(feature = "serde")]
#[test]
fn serde_reads_digits_and_bytes() {
    use serde::{
        Deserialize,
        de::value::{BytesDeserializer, Error, StrDeserializer},
    };

    let read_text = |text| PublicKey::deserialize(StrDeserializer::<Error>::new(text));
    assert_eq!(read_text(PUBLIC), Ok(public()));
    let error = read_text("0f17").unwrap_err().to_string();
    assert!(error.contains("64 hex digits"), "{error}");
    let key = public();
    let bytes = BytesDeserializer::<Error>::new(key.as_bytes());
    assert_eq!(PublicKey::deserialize(bytes), Ok(key));
}

#[cfg(feature = "serde")]
#[test]
fn serde_writes_digits() {
    struct Written(PublicKey);

    impl std::fmt::Display for Written {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            serde::Serialize::serialize(&self.0, f)
        }
    }

    assert_eq!(Written(public()).to_string(), PUBLIC);
}
