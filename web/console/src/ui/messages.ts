/** The part of Element Plus behind `toast`, in a file of its own so that it is loaded only when it is needed. */
import { ElMessage } from 'element-plus'

export { ElMessage }
