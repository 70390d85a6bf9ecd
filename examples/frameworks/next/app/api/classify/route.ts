import { classify } from '../../classify'

/** The same model on the server, in onnxruntime-node. @param request the body is 64 grays from 0 to 1, as JSON */
export async function POST(request: Request): Promise<Response> {
  const picture: number[] = await request.json()
  return Response.json([...(await classify(Float32Array.from(picture)))])
}
