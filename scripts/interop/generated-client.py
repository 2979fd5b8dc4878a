"""Uses a client that the OpenAPI generator made: creates a document, reads it back, meets a failure."""

import os
import uuid

import secufile_client as client

configuration = client.Configuration(host=os.environ["SECUFILE_URL"], access_token=os.environ["SECUFILE_API_KEY"])
with client.ApiClient(configuration) as connection:
    documents = client.DocumentsApi(connection)
    order = client.CreateDocumentRequest.from_dict(
        {
            "filename": "generated.age",
            "key_wrap": "vault://kms/key/elsewhere",
            "signers": [{"email": "client@example.com", "role": "buyer"}],
            "metadata": {"case": "12345"},
        }
    )
    created = documents.create_document(order, idempotency_key=str(uuid.uuid4()))
    found = documents.get_document(created.document_id)
    assert found.filename == "generated.age", found
    assert found.signers[0].email == "client@example.com", found
    assert found.metadata == {"case": "12345"}, found
    page = documents.list_documents(limit=200)
    assert created.document_id in [entry.document_id for entry in page.data]
    try:
        documents.get_document("doc_01KB2Q6V9XJ4M8T3RZ5C7D1E0F")
        raise AssertionError("a document that is not there was found")
    except client.ApiException as error:
        assert error.status == 404, error
    print(f"{created.document_id} created, read, listed")
