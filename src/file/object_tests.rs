use object_store::memory::InMemory;

use super::*;

#[tokio::test]
async fn an_object_is_written_whole_and_an_abort_is_harmless_at_any_time() {
    for size in [0, 1, 9, 10, 11, 20, 35] {
        let (objects, path) = (Arc::new(InMemory::new()), Path::from("a"));
        let wanted: Vec<u8> = (0..size).collect();
        let mut writer = ObjectWriter::new(objects.clone(), path.clone(), 10);
        for chunk in wanted.chunks(7) {
            writer.put(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        assert!(objects.get(&path).await.is_err(), "nothing is there before the end");
        writer.finish().await.unwrap();
        assert_eq!(objects.get(&path).await.unwrap().bytes().await.unwrap(), wanted);
        drop(writer.abort().await);
        writer.abort().await.unwrap();
    }
}
