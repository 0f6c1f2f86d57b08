import { expose } from 'comlink';
import { StorageService } from '../src/adapters/storage-service.ts';
import type { Answer } from '../src/protocol/index.ts';

/** A storage worker that answers queries with the values of other columns. For tests. */
class LyingStorageService extends StorageService {
  override async answer(...asked: Parameters<StorageService['answer']>): Promise<Answer> {
    const answer = await super.answer(...asked);
    return answer.kind === 'query' ? { ...answer, values: answer.values.toReversed() } : answer;
  }
}

expose(new LyingStorageService());
