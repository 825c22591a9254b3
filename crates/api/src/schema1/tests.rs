//! Documents that Distribution 2.8.2 made, and what is made of the same images here; signatures.

use aws_lc_rs::{
    encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, EcPrivateKeyRfc5915Der},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
    },
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_oci::{Descriptor, Digest, MediaType};

use super::{
    empty_layer,
    key::{KeyError, SigningKey, fingerprint},
    payload::{self, Payload, Unconvertible},
    pretty_jws,
};

fn convert(
    name: &str,
    tag: &str,
    config: &[u8],
    layers: &[&str],
) -> Result<Payload, Unconvertible> {
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            let digest = Digest::sha256(layer.as_bytes());
            Descriptor::new(MediaType::DOCKER_LAYER, digest, layer.len() as u64)
        })
        .collect();
    payload::convert(&name.parse().unwrap(), tag, config, &layers)
}

#[test]
fn an_image_is_converted_to_the_bytes_of_2_8() {
    let layers = ["first layer", "second layer"];
    for (name, tag, config, expected) in [
        (
            "team/app",
            "v1.0",
            &include_bytes!("golden/linux.config.json")[..],
            include_str!("golden/linux.payload.json"),
        ),
        (
            "win",
            "10",
            include_bytes!("golden/windows.config.json"),
            include_str!("golden/windows.payload.json"),
        ),
    ] {
        let payload = convert(name, tag, config, &layers).unwrap();
        assert_eq!(payload.document, expected, "{name}");
        assert!(payload.has_empty_layers);
    }
}

#[test]
fn the_empty_layer_is_that_of_2_8() {
    let expected = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";
    assert_eq!(empty_layer::digest().as_str(), expected);
}

#[test]
fn what_the_config_has_under_the_names_of_schema_1_gives_way() {
    let config = json!({
        "history": [{}],
        "rootfs": {"diff_ids": ["sha256:1"]},
        "id": "its own",
        "parent": "its own",
    });
    let payload = convert("a", "1", config.to_string().as_bytes(), &["layer"]).unwrap();
    assert!(!payload.has_empty_layers);
    let document: Value = serde_json::from_str(&payload.document).unwrap();
    let image = document["history"][0]["v1Compatibility"].as_str().unwrap();
    let image: Value = serde_json::from_str(image).unwrap();
    assert_eq!(image["id"].as_str().unwrap().len(), 64);
    // 2.8 leaves it there where the image has no parent.
    assert_eq!(image["parent"], "its own");
    let fields: Vec<_> = image.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "parent"]);
}

#[test]
fn an_image_without_a_form_in_schema_1_says_why() {
    let diff_ids = json!({"diff_ids": ["sha256:1", "sha256:2"]});
    for (config, expected) in [
        (
            json!({"rootfs": diff_ids}),
            "the image's config has no history",
        ),
        (
            json!({"rootfs": diff_ids, "history": []}),
            "the image's config has no history",
        ),
        (
            json!({"history": [{}]}),
            "the image's config has 0 layer(s) and its manifest 2",
        ),
        (
            json!({"rootfs": diff_ids, "history": [{}, {}, {}]}),
            "the history in the image's config has more layers than the image",
        ),
        (
            json!({"rootfs": diff_ids, "history": vec![json!({}); 5001]}),
            "the image's config has a history of 5001 steps, which is too long",
        ),
        (
            json!("no object"),
            "the image's config cannot be read: invalid type: string \"no object\", expected an \
             object at line 1 column 11",
        ),
    ] {
        let converted = convert("a", "1", config.to_string().as_bytes(), &["one", "two"]);
        assert_eq!(converted.unwrap_err().to_string(), expected);
    }
}

/// Takes a document with its signature apart as libtrust does: what was signed, and the one block
/// of the signature, which fits.
fn verified(signed: &[u8]) -> (Vec<u8>, Value) {
    let document: Value = serde_json::from_slice(signed).unwrap();
    let block = document["signatures"][0].clone();
    let decode = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
    let protected: Value = serde_json::from_slice(&decode(&block["protected"])).unwrap();
    let length = protected["formatLength"].as_u64().unwrap();
    let tail = decode(&protected["formatTail"]);
    let payload = [&signed[..usize::try_from(length).unwrap()], &tail].concat();

    let jwk = &block["header"]["jwk"];
    let algorithm: &EcdsaVerificationAlgorithm = match block["header"]["alg"].as_str().unwrap() {
        "ES256" => &ECDSA_P256_SHA256_FIXED,
        "ES384" => &ECDSA_P384_SHA384_FIXED,
        _ => &ECDSA_P521_SHA512_FIXED,
    };
    let point = [&[4], &*decode(&jwk["x"]), &*decode(&jwk["y"])].concat();
    let input = format!(
        "{}.{}",
        block["protected"].as_str().unwrap(),
        URL_SAFE_NO_PAD.encode(&payload)
    );
    UnparsedPublicKey::new(algorithm, point)
        .verify(input.as_bytes(), &decode(&block["signature"]))
        .unwrap();
    (payload, block)
}

#[test]
fn a_document_of_any_layout_is_signed_in_its_own() {
    let key = SigningKey::generate().unwrap();
    for (payload, begins, ends) in [
        (
            "{\"a\":1}",
            "{\"a\":1,\"signatures\":[{\"header\":",
            "\"}]}",
        ),
        (
            "{\n   \"a\": 1\n}",
            "{\n   \"a\": 1,\n   \"signatures\": [\n      {\n         \"header\": {",
            "\"\n      }\n   ]\n}",
        ),
        (
            "{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n",
            "{\n\t\"a\": {\n\t\t\"b\": 1\n\t},\n\t\"signatures\": [\n\t\t{\n\t\t\t\"header\": {",
            "\"\n\t\t}\n\t]\n}",
        ),
        ("{\n\"a\":1 }  ", "{\n\"a\":1,\"signatures\":[{", "\"}]}"),
    ] {
        let payload = Bytes::from(payload);
        let signed = pretty_jws::sign(&payload, &key, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let text = std::str::from_utf8(&signed).unwrap();
        assert!(text.starts_with(begins) && text.ends_with(ends), "{text}");
        assert_eq!(verified(&signed).0, payload);
    }
}

#[test]
fn all_signatures_are_of_the_same_length() {
    let key = SigningKey::generate().unwrap();
    let payload = Bytes::from_static(b"{\n   \"a\": 1\n}");
    let lengths: Vec<_> = (0..64)
        .map(|second| {
            let time = jiff::Timestamp::from_second(second * 40_000_000).unwrap();
            pretty_jws::sign(&payload, &key, time).unwrap().len()
        })
        .collect();
    assert!(
        lengths.windows(2).all(|pair| pair[0] == pair[1]),
        "{lengths:?}"
    );
}

#[test]
fn a_signature_says_when_and_with_which_key_it_was_made() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let jwk = jwk(&pair, "P-256", 32);
    let key = SigningKey::parse(&jwk.to_string()).unwrap();
    let payload = Bytes::from_static(b"{\n   \"a\": 1\n}");
    let time = "2023-05-04T17:37:03.87Z".parse().unwrap();
    let (_, block) = verified(&pretty_jws::sign(&payload, &key, time).unwrap());
    let protected = URL_SAFE_NO_PAD.decode(block["protected"].as_str().unwrap());
    let expected = r#"{"formatLength":11,"formatTail":"Cn0","time":"2023-05-04T17:37:03Z"}"#;
    assert_eq!(protected.unwrap(), expected.as_bytes());

    let told = &block["header"]["jwk"];
    for field in ["crv", "kty", "x", "y"] {
        assert_eq!(told[field], jwk[field], "{field}");
    }
    assert_eq!(told["d"], Value::Null);
    let shown = format!("{key:?}");
    let expected = format!("SigningKey({})", told["kid"].as_str().unwrap());
    assert_eq!(shown, expected);
}

#[test]
fn a_key_goes_by_the_fingerprint_of_libtrust() {
    // A key that 2.8.2 made, in the form of RFC 5480.
    let prefix = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
    let x = "kS05Tb2BSJKWaDuJ6lC2YJsRF5GCk2RkjB1zoq9ew9k";
    let y = "Ldvh6AWQSvMyj4dQDhlH8_BMze3gxxtJs5bTxdM6PwQ";
    let parts = [prefix, x, y].map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let expected = "IFFX:C533:V6GK:PPAB:T752:C4J4:NJ25:ZQS4:K3US:E7OB:KFAL:4ZC4";
    assert_eq!(fingerprint(&parts.concat()), expected);
}

/// A key pair as a JWK, with numbers of this length.
fn jwk(pair: &EcdsaKeyPair, curve: &str, length: usize) -> Value {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(length);
    let d: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
    let [x, y, d] = [x, y, d.as_ref()].map(|number| URL_SAFE_NO_PAD.encode(number));
    json!({"kty": "EC", "crv": curve, "x": x, "y": y, "d": d})
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let (first, rest) = text.split_at(64);
    format!("-----BEGIN {label}-----\n{first}\n{rest}\n-----END {label}-----\n")
}

#[test]
fn keys_are_read_from_every_form_that_there_is() {
    for (signing, curve, length, algorithm) in [
        (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256", 32, "ES256"),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384", 48, "ES384"),
        (&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521", 66, "ES512"),
    ] {
        let pair = EcdsaKeyPair::generate(signing).unwrap();
        let sec1: EcPrivateKeyRfc5915Der<'_> = pair.private_key().as_der().unwrap();
        let sec1 = pem("EC PRIVATE KEY", sec1.as_ref());
        let parameters = "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n";
        let pkcs8 = pair.to_pkcs8v1().unwrap();
        for text in [
            jwk(&pair, curve, length).to_string(),
            format!("{parameters}{sec1}"),
            sec1,
            pem("PRIVATE KEY", pkcs8.as_ref()),
        ] {
            let key = SigningKey::parse(&text).unwrap();
            assert_eq!(key.algorithm(), algorithm);
            let payload = Bytes::from_static(b"{\"a\":1}");
            let signed = pretty_jws::sign(&payload, &key, jiff::Timestamp::UNIX_EPOCH).unwrap();
            let (verified, block) = verified(&signed);
            assert_eq!(verified, payload, "{curve}");
            let x = &block["header"]["jwk"]["x"];
            assert_eq!(*x, jwk(&pair, curve, length)["x"], "{curve}");
        }
    }
}

#[test]
fn what_is_no_key_is_told_apart() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let with = |field: &str, value: &str| {
        let mut jwk = jwk(&pair, "P-256", 32);
        jwk[field] = json!(value);
        SigningKey::parse(&jwk.to_string())
    };
    for damaged in [
        with("d", "AAAA"),
        with("d", "!"),
        with("x", &"A".repeat(44)),
        with("crv", "P-384"),
        SigningKey::parse(&pem("EC PRIVATE KEY", &[0; 120])),
        SigningKey::parse("-----BEGIN EC PRIVATE KEY-----\n!\n-----END EC PRIVATE KEY-----"),
    ] {
        assert!(matches!(damaged, Err(KeyError::Damaged)), "{damaged:?}");
    }
    let other_curve = with("crv", "secp256k1");
    assert!(matches!(other_curve, Err(KeyError::Curve { curve }) if curve == "secp256k1"));
    for none in [
        with("kty", "RSA"),
        SigningKey::parse(""),
        SigningKey::parse("{}"),
        SigningKey::parse(&pem("RSA PRIVATE KEY", &[0; 120])),
        SigningKey::parse("-----BEGIN EC PRIVATE KEY-----\nAAAA"),
    ] {
        assert!(matches!(none, Err(KeyError::NotAKey)), "{none:?}");
    }
}
