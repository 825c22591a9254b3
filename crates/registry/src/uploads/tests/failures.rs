//! A store that fails at any call, or is full.

use super::*;

/// A push as a client makes it: begun, continued by a second request, finished by a third.
async fn push_in_three_requests(repository: &Repository) -> Result<(), Error> {
    let mut session = repository.uploads.start().await?;
    session.append(chunk(&TEXT[..20])).await?;
    let id = session.suspend().await?.id;
    let mut session = repository.uploads.resume(&id).await?;
    session.append(chunk(&TEXT[20..40])).await?;
    session.suspend().await?;
    let mut session = repository.uploads.resume(&id).await?;
    session.append(chunk(&TEXT[40..])).await?;
    session.commit(&sha256(TEXT)).await?;
    Ok(())
}

#[tokio::test]
async fn a_push_that_fails_at_any_call_leaves_no_wrong_blob_and_can_be_made_again() {
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        let repository = test.repository("a");
        faulty.fail_at(n);
        let pushed = push_in_three_requests(&repository).await;
        let failed = faulty.has_failed();
        faulty.heal();
        if pushed.is_ok() {
            assert_eq!(
                pull_blob(&repository, &sha256(TEXT)).await.unwrap(),
                TEXT.as_bytes()
            );
        }
        if !failed {
            assert!(n > 10, "calls are counted");
            break;
        }
        match pull_blob(&repository, &sha256(TEXT)).await {
            Ok(content) => assert_eq!(content, TEXT.as_bytes(), "failed at {n}"),
            Err(error) => assert!(matches!(error, Error::BlobUnknown { .. }), "{n}: {error}"),
        }
        push_in_three_requests(&repository).await.unwrap();
        assert_eq!(
            pull_blob(&repository, &sha256(TEXT)).await.unwrap(),
            TEXT.as_bytes()
        );
    }
}

#[tokio::test]
async fn an_upload_goes_on_wherever_a_request_failed() {
    for n in 0.. {
        let (test, faulty) = TestRegistry::faulty();
        let repository = test.repository("a");
        let id = begin_upload(&repository, &TEXT[..20]).await;
        faulty.fail_at(n);
        let continued = async {
            let mut session = repository.uploads.resume(&id).await?;
            session.append(chunk(&TEXT[20..40])).await?;
            session.suspend().await
        };
        let continued = continued.await;
        if !faulty.has_failed() {
            assert!(n > 4, "calls are counted");
            break;
        }
        continued.unwrap_err();
        faulty.heal();
        finish(&test.restarted().repository("a"), &id).await;
        assert_eq!(uploads(&test.files().await), [""; 0]);
    }
}

#[tokio::test]
async fn a_commit_that_fails_at_any_call_has_no_effect_or_all_of_it() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = Digest::of(algorithm, TEXT.as_bytes());
        for n in 0.. {
            let (test, faulty) = TestRegistry::faulty();
            let repository = test.repository("a");
            let id = begin_upload(&repository, TEXT).await;
            let session = repository.uploads.resume(&id).await.unwrap();
            faulty.fail_at(n);
            let committed = session.commit(&digest).await;
            let failed = faulty.has_failed();
            faulty.heal();
            if committed.is_ok() {
                assert_eq!(
                    pull_blob(&repository, &digest).await.unwrap(),
                    TEXT.as_bytes()
                );
                repository.blobs.stat(&sha256(TEXT)).await.unwrap();
            }
            if !failed {
                assert!(n > 2, "calls are counted");
                break;
            }
            // What the failure left of the upload is never taken for other content.
            let session = match repository.uploads.resume(&id).await {
                Ok(session) => session,
                Err(Error::UploadUnknown { .. }) => {
                    let id = begin_upload(&repository, TEXT).await;
                    repository.uploads.resume(&id).await.unwrap()
                }
                Err(error) => panic!("{n}: {error}"),
            };
            session.commit(&digest).await.unwrap();
            assert_eq!(
                pull_blob(&repository, &digest).await.unwrap(),
                TEXT.as_bytes()
            );
        }
    }
}

#[tokio::test]
async fn a_mount_that_fails_at_any_call_can_be_made_again() {
    let (test, faulty) = TestRegistry::faulty();
    let digest = push_blob(&test.repository("a"), TEXT).await;
    for n in 0.. {
        let target = test.repository(&format!("b/{n}"));
        faulty.fail_at(n);
        let mounted = target.uploads.mount(&name("a"), &digest).await;
        let failed = faulty.has_failed();
        faulty.heal();
        if !failed {
            assert!(n > 2, "calls are counted");
            break;
        }
        assert!(
            matches!(mounted, Err(Error::Storage(_))),
            "an error is no absence"
        );
        assert!(try_push_blob(&target, TEXT).await.is_ok());
        target.uploads.mount(&name("a"), &digest).await.unwrap();
    }
}

/// How a request lets go of an upload.
#[derive(Debug, Clone, Copy)]
enum End {
    Suspended,
    CutOff,
    Restarted,
    StatesLost,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_content_is_cut_into_requests_its_digest_comes_out_right(
        requests in proptest::collection::vec(
            (
                proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..6),
                prop_oneof![
                    Just(End::Suspended),
                    Just(End::CutOff),
                    Just(End::Restarted),
                    Just(End::StatesLost),
                ],
            ),
            0..8,
        ),
        last in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut test = TestRegistry::new();
            let id = begin_upload(&test.repository("a"), "").await;
            let mut content = Vec::new();
            for (pieces, end) in requests {
                let mut session = test.repository("a").uploads.resume(&id).await.unwrap();
                assert_eq!(session.status().offset, content.len() as u64);
                let chunk = Chunk {
                    start: Some(content.len() as u64),
                    length: None,
                    body: body(pieces.clone()),
                };
                content.extend(pieces.concat());
                session.append(chunk).await.unwrap();
                match end {
                    End::CutOff => drop(session),
                    End::Suspended => drop(session.suspend().await.unwrap()),
                    End::Restarted => {
                        session.suspend().await.unwrap();
                        test = test.restarted();
                    }
                    End::StatesLost => {
                        session.suspend().await.unwrap();
                        // The state of nothing has no file.
                        if !content.is_empty() {
                            test.remove(&format!("repositories/a/_uploads/{id}/hashstates")).await;
                        }
                    }
                }
            }
            let repository = test.repository("a");
            let mut session = repository.uploads.resume(&id).await.unwrap();
            append(&mut session, last.clone()).await;
            content.extend(last);
            let digest = Digest::sha256(&content);
            session.commit(&digest).await.unwrap();
            assert_eq!(pull_blob(&repository, &digest).await.unwrap(), content);
        });
    }
}

#[tokio::test]
async fn an_upload_that_runs_out_of_space_gives_back_what_it_took() {
    let store = Lossy::new();
    let test = TestRegistry::on(Arc::new(store.clone()));
    let repository = test.repository("a");
    let id = begin_upload(&repository, "some ").await;
    let mut session = repository.uploads.resume(&id).await.unwrap();
    store.fault_at(0, Fault::Full);
    let refused = session.append(chunk("more")).await;
    assert!(matches!(
        refused,
        Err(Error::Storage(StorageError::Full { .. }))
    ));
    session.suspend().await.unwrap();
    assert_eq!(test.files().await, [""; 0]);
    store.heal();
    let unknown = repository.uploads.status(&id).await;
    assert!(matches!(unknown, Err(Error::UploadUnknown { .. })));
    // So does one that finds no space for the state of its hash.
    let mut session = repository.uploads.start().await.unwrap();
    append(&mut session, "more").await;
    store.fault_at(0, Fault::Full);
    session.suspend().await.unwrap_err();
    assert_eq!(test.files().await, [""; 0]);
    // One that finds no space for its file leaves nothing either.
    store.fault_at(1, Fault::Full);
    repository.uploads.start().await.unwrap_err();
    assert_eq!(test.files().await, [""; 0]);
}
