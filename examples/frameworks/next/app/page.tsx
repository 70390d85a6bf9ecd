import { Digit } from './digit'

export default function Page() {
  return <Digit />
}
