import { ScanJob } from '../src/artifacts/scan-job.js';

export default ScanJob.work;
