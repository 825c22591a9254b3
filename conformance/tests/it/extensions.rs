//! OCI-10: extensions, of which there is the catalog alone.

use serde_json::json;
use wharf_conformance::manifest::Manifest;
use wharf_conformance::request::Request;
use wharf_conformance::server::Server;

/// OCI-10.1, OCI-10.3, OCI-10.4
#[test]
fn an_extension_that_is_not_offered_is_not_found() {
    let server = Server::start();
    let repository = server.repository("conformance/extensions");
    repository.push_whole(&Manifest::image(1));
    for below in [
        "_oci/ext/discover",
        "_docker/x",
        "_zot/ext/search",
        "_unknown/component/module",
    ] {
        server
            .send(Request::get(format!("/v2/{below}")))
            .expect(404);
        repository.get(below).expect(404);
    }
}

/// OCI-10.2, OCI-10.5
#[test]
fn the_catalog_has_the_form_of_dockers() {
    let server = Server::start();
    let catalog = |query: &str| {
        server
            .send(Request::get(format!("/v2/_catalog{query}")))
            .expect(200)
    };
    assert_eq!(catalog("").json(), json!({ "repositories": [] }));
    for name in ["b", "a/b", "a"] {
        server.repository(name).push_whole(&Manifest::image(1));
    }
    let all = catalog("").with("Content-Type", "application/json");
    assert_eq!(all.json(), json!({ "repositories": ["a", "a/b", "b"] }));
    let first = catalog("?n=2");
    assert_eq!(first.json(), json!({ "repositories": ["a", "a/b"] }));
    let next = server
        .send(Request::get(first.next_page().unwrap()))
        .expect(200);
    assert_eq!(next.json(), json!({ "repositories": ["b"] }));
    assert_eq!(next.next_page(), None);
    // Its name is nobody else's.
    server
        .repository("_catalog")
        .get("tags/list")
        .expect_one_of(&[400, 404]);
}
