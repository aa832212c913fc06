//! The API document and the page that shows it.

use crate::house::House;

#[test]
fn the_document_says_how_to_authorize_and_what_errors_look_like() {
    let house = House::new();
    let document = house.get("/openapi.json").send().json();
    assert!(
        document["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.")
    );
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(
        schemes["password"]["flows"]["password"]["tokenUrl"],
        "/auth/token"
    );
    assert_eq!(schemes["token"]["scheme"], "bearer");
    let secure = &document["paths"]["/secure-data"]["get"];
    assert_eq!(secure["security"][0], serde_json::json!({ "password": [] }));
    let problem =
        &secure["responses"]["401"]["content"]["application/problem+json"]["schema"]["$ref"];
    assert_eq!(problem, "#/components/schemas/Problem");
    let text = document.to_string();
    let names: Vec<&str> = text
        .split("\"operationId\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert!(
        names.len() > 10 && names.len() == distinct.len(),
        "{names:?}"
    );
    for reference in document.to_string().split("\"$ref\":\"").skip(1) {
        let pointer = reference
            .split('"')
            .next()
            .expect("a reference")
            .trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
    }
}

#[test]
fn the_document_says_what_is_refused_and_how() {
    let house = House::new();
    let document = house.get("/openapi.json").send().json();
    let schemas = &document["components"]["schemas"];
    // Other members of a new account are 422, and null is no text.
    assert_eq!(schemas["NewAccount"]["additionalProperties"], false);
    assert_eq!(
        schemas["TokenRequest"]["properties"]["username"]["type"],
        "string"
    );
    let field = &schemas["Problem"]["properties"]["errors"]["items"]["$ref"];
    assert_eq!(field, "#/components/schemas/FieldError");
    let mut seen = 0;
    let paths = document["paths"].as_object().expect("paths").values();
    for operation in paths.flat_map(|path| path.as_object().expect("methods").values()) {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let header = match status.as_str() {
                "401" => "WWW-Authenticate",
                "429" | "503" => "Retry-After",
                _ => continue,
            };
            assert!(response["headers"][header].is_object(), "{operation}");
            seen += 1;
        }
    }
    assert!(seen > 10, "the test sees no refusals");
}

#[test]
fn the_page_and_its_files_are_served_from_here() {
    let house = House::new();
    let page = house.get("/docs").page().send();
    assert_eq!(page.status, 200);
    for link in page
        .text
        .split('"')
        .filter(|part| part.starts_with("/docs/") || part.starts_with("/static/"))
    {
        assert_eq!(house.get(link).send().status, 200, "{link}");
    }
    assert!(page.text.contains("swagger-ui-bundle.js") && page.text.contains("/openapi.json"));
}

#[test]
fn a_setting_turns_both_off() {
    let house = House::with(&[("vestibule.docs", "false")]);
    for path in ["/docs", "/openapi.json", "/docs/swagger-ui.css"] {
        assert_eq!(house.get(path).send().status, 404, "{path}");
    }
    assert!(!house.get("/").page().send().text.contains("/docs"));
}

#[test]
fn anyone_can_fetch_the_public_keys_and_verify_with_them() {
    for algorithm in ["ES256", "EdDSA"] {
        let house = House::with(&[("vestibule.algorithm", algorithm)]);
        let token = house.token_of("ana");
        let answer = house.get("/.well-known/jwks.json").send();
        assert!(
            answer
                .header("Cache-Control")
                .starts_with("public, max-age=")
        );
        let keys: jsonwebtoken::jwk::JwkSet =
            serde_json::from_str(&answer.text).expect("a key set");
        let kid = jsonwebtoken::decode_header(&token)
            .expect("a header")
            .kid
            .expect("a kid");
        let jwk = keys.find(&kid).expect("the key");
        let mut rules = jsonwebtoken::Validation::new(algorithm.parse().expect("an algorithm"));
        // The house's clock is set; the library's is not.
        rules.validate_exp = false;
        rules.set_audience(&[&house.origin]);
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).expect("a key");
        let read =
            jsonwebtoken::decode::<serde_json::Value>(&token, &key, &rules).expect("a good token");
        assert_eq!(read.claims["preferred_username"], "ana");
        let again = house
            .get("/.well-known/jwks.json")
            .header("If-None-Match", answer.header("ETag"))
            .send();
        assert_eq!((again.status, again.text.as_str()), (304, ""));
        assert!(!answer.text.contains("\"d\""));
    }
    let house = House::with(&[("vestibule.algorithm", "HS256")]);
    house.token_of("ana");
    assert_eq!(
        house.get("/.well-known/jwks.json").send().json(),
        serde_json::json!({ "keys": [] })
    );
}
