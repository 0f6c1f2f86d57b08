import { expose } from 'comlink';
import { CommitService } from './commit-service.ts';

expose(new CommitService());
